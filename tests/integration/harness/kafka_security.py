"""How programs and tests reach Kafka: in the clear, or over TLS with SASL.

`chosen()` is the one choice for a whole run: in the clear, or what WEBSUB_TEST_KAFKA_SECURITY=sasl_ssl asks
for. Every broker, suite and client of the harness that is not told otherwise follows it.
"""

import functools
import os
import tempfile
from pathlib import Path

from . import planted

CHOICE = "WEBSUB_TEST_KAFKA_SECURITY"

_BROKER = "broker"  # the broker's own user


def as_setting(properties: dict[str, str], *more: str) -> str:
    """librdkafka properties, then further items, as a value of WEBSUB_KAFKA_PROPERTIES."""
    return ";".join([*as_items(properties), *(item for item in more if item)])


def as_items(properties: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in properties.items()]


class Plaintext:
    """Nothing is encrypted, and everybody may do everything."""

    protocol = "PLAINTEXT"

    def broker_settings(self) -> str:
        """Lines for server.properties."""
        return ""

    def client(self) -> dict[str, str]:
        """What a client needs besides bootstrap.servers: librdkafka's properties."""
        return {}


class _Tls:
    """TLS with a certificate of an authority of its own, for this address.

    The broker is a client of itself, and trusts that authority as well.
    """

    protocol = "SSL"

    def __init__(self, directory: Path, address: str = "127.0.0.1"):
        from .certificates import Authority  # a broker in the clear needs no Python package

        directory.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(directory, "kafka-authority")
        self._certificate = self.authority.issue(address)

    def broker_settings(self) -> str:
        return f"""\
listener.name.clients.ssl.keystore.type=PEM
listener.name.clients.ssl.keystore.location={self._certificate}
listener.name.clients.ssl.truststore.type=PEM
listener.name.clients.ssl.truststore.location={self.authority.ca_file}
"""

    def client(self) -> dict[str, str]:
        return {
            "security.protocol": self.protocol,
            "ssl.ca.location": str(self.authority.ca_file),
        }


class SaslSsl(_Tls):
    """TLS, and SASL PLAIN for these users.

    Not SCRAM: librdkafka before 2.6.1 cannot do it with Kafka 4 (docs/kafka-security.md). A password is a
    planted value: a program that logs one fails its test.

    acls: nobody but "admin" may do anything that is not allowed by an ACL.
    """

    protocol = "SASL_SSL"

    def __init__(
        self,
        directory: Path,
        users: tuple[str, ...] = ("websub",),
        *,
        acls: bool = False,
        address: str = "127.0.0.1",
    ):
        super().__init__(directory, address)
        self._users = users
        self._acls = acls

    @staticmethod
    def password(user: str) -> str:
        return planted.secret(f"password-of-{user}")

    def broker_settings(self) -> str:
        users = " ".join(f'user_{user}="{self.password(user)}"' for user in (_BROKER, *self._users))
        itself = f'username="{_BROKER}" password="{self.password(_BROKER)}"'
        settings = f"""\
{super().broker_settings()}\
listener.name.clients.sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.clients.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required {itself} {users};
"""
        if self._acls:
            # ANONYMOUS is the broker at the controller's listener, which is in the clear.
            settings += f"""\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{_BROKER};User:admin
"""
        return settings

    def client(self, user: str | None = None) -> dict[str, str]:
        user = user or self._users[0]
        return super().client() | {
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": self.password(user),
        }


class MutualTls(_Tls):
    """TLS in which clients show a certificate of the same authority, and no password."""

    def __init__(self, directory: Path):
        super().__init__(directory)
        self._client_certificate = self.authority.issue()

    def broker_settings(self) -> str:
        return f"""\
{super().broker_settings()}\
listener.name.clients.ssl.client.auth=required
"""

    def client(self) -> dict[str, str]:
        return super().client() | {
            "ssl.certificate.location": str(self._client_certificate),
            "ssl.key.location": str(self._client_certificate),
        }


Security = Plaintext | SaslSsl | MutualTls


@functools.cache
def chosen() -> Security:
    choice = os.environ.get(CHOICE, "plaintext")
    if choice == "plaintext":
        return Plaintext()
    assert choice == "sasl_ssl", f"{CHOICE}={choice}: expected plaintext or sasl_ssl"
    return SaslSsl(Path(_directory().name))


@functools.cache
def _directory() -> tempfile.TemporaryDirectory:
    """Lasts as long as this process, which the certificates are for."""
    return tempfile.TemporaryDirectory(prefix="websub-kafka-")

"""An issuer of signed tokens (JWT): its keys, the JWK set that it publishes, and good and forged tokens.

Good tokens come from PyJWT, an implementation of its own; forged ones are put together by hand.
"""

import base64
import itertools
import json
import time
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from . import planted
from .behaviours import Reply
from .hub_client import Answer
from .providers import HOUR, Clients, Service, bearer, json_reply
from .subscriber import Received
from .suite import Suite
from .topics import new_topic

HeadersOf = Callable[[str], dict[str, str]]

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

_numbers = itertools.count(1)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode(value: object) -> str:
    """A part of a token: JSON, or text that is to be taken for it."""
    return b64((value if isinstance(value, str) else json.dumps(value)).encode())


def _number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class SigningKey:
    """A key pair with a name. `algorithm` decides about its type and curve."""

    def __init__(self, algorithm: str, kid: str | None = None, bits: int = 2048):
        self.algorithm = algorithm
        self.kid = kid or f"key-{next(_numbers)}"
        self.private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
        if algorithm.startswith("RS"):
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        else:
            self.private = ec.generate_private_key(_CURVES[algorithm])

    def public_bytes(self, encoding: serialization.Encoding = serialization.Encoding.PEM) -> bytes:
        return self.private.public_key().public_bytes(
            encoding, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def jwk(self, **members: object) -> dict:
        """As the issuer publishes it; None leaves a member out."""
        numbers = self.private.public_key().public_numbers()
        if isinstance(numbers, rsa.RSAPublicNumbers):
            found = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        else:
            size = (numbers.curve.key_size + 7) // 8
            name = _CURVE_NAMES[numbers.curve.name]
            found = {"kty": "EC", "crv": name, "x": _number(numbers.x, size), "y": _number(numbers.y, size)}
        found |= {"kid": self.kid, "use": "sig"} | members
        return {name: value for name, value in found.items() if value is not None}

    def sign(self, claims: dict, **header: object) -> str:
        """A token as PyJWT makes it."""
        return jwt.encode(claims, self.private, self.algorithm, headers={"kid": self.kid} | header)

    def signature(self, data: bytes, algorithm: str | None = None) -> bytes:
        """As in a token (RFC 7518, section 3)."""
        digest = _HASHES[(algorithm or self.algorithm)[2:]]
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        return ec_raw(self.private, self.private.sign(data, ec.ECDSA(digest)))

    def forge(
        self,
        header: object,
        claims: object,
        make: Callable[[bytes], bytes] | None = None,
    ) -> str:
        """Any header over any claims; a member None leaves it out. `make`: another signature."""
        if isinstance(header, dict):
            header = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid} | header
            header = {name: value for name, value in header.items() if value is not None}
        signed = f"{encode(header)}.{encode(claims)}"
        return f"{signed}.{b64((make or self.signature)(signed.encode()))}"


def ec_raw(private: ec.EllipticCurvePrivateKey, der: bytes) -> bytes:
    """r and s, each as long as the curve's order."""
    size = (private.curve.key_size + 7) // 8
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


class Issuer(Service):
    """Publishes the public halves of `keys` at /keys and /keys/eager, and `extra` JWKs as they are."""

    NAME = "https://issuer.example/"
    AUDIENCE = "the-hub"

    def __init__(self, *keys: SigningKey):
        self.keys = list(keys)
        self.extra: list[dict] = []
        super().__init__()

    @property
    def keys_url(self) -> str:
        return self.url("/keys")

    def answer(self, received: Received) -> Reply | None:
        if received.method != "GET" or received.target not in ("/keys", "/keys/eager"):
            return Reply(404)
        return json_reply({"keys": [key.jwk() for key in self.keys] + self.extra})

    @classmethod
    def claims(cls, **claims: object) -> dict:
        """Good ones for an hour, or with these; None leaves one out."""
        usual = {
            "iss": cls.NAME,
            "aud": cls.AUDIENCE,
            "sub": "ann",
            "exp": int(time.time()) + HOUR,
            "jti": planted.secret(f"jti-{next(_numbers)}"),
        }
        return {name: value for name, value in (usual | claims).items() if value is not None}


class TokenClients:
    """Clients of a suite that show tokens, and know that no log may hold any of them."""

    def __init__(self, suite: Suite):
        self._suite = suite
        self._clients = {name: Clients(suite, int(name.partition("-")[2])) for name in suite.programs}
        self._shown: list[str] = []

    def show(self, token: str, hub: str = "hub-0", headers: HeadersOf = bearer) -> Answer:
        """What a change is answered that comes with the token."""
        self._shown.append(token)
        return self._clients[hub](headers(token)).register(new_topic())

    def close(self) -> None:
        """Fails when a log holds a token, or one of its parts that are longer than a word."""
        for clients in self._clients.values():
            clients.close()
        parts = {part for token in self._shown for part in token.split(".") if len(part) > 20}
        for program in self._suite.programs.values():
            log = program.log()
            found = [part for part in parts if part in log]
            assert not found, f"{program.name} logged {found[0]}"

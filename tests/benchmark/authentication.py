"""What authentication costs a publish: the same load on a hub without and on one with it, in turn."""

import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .bench import Bench
from .publishes import CONNECTIONS, Server
from .table import Row


def run(bench: Bench) -> None:
    seconds = 4.0 if bench.quick else 10.0
    bench.attempt("publishes with a token", _compare, seconds)


def _compare(bench: Bench, seconds: float) -> None:
    """A key in a file, and a token of the usual size: after the first publish both are cached."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_file = bench.directory / "issuer.pem"
    _write_public_key(key, key_file)
    settings = {
        "WEBSUB_AUTH_MODE": "jwt",
        "WEBSUB_AUTH_PUBLIC_KEY_FILE": str(key_file),
        "WEBSUB_AUTH_ISSUER": "https://issuer.example",
        "WEBSUB_AUTH_RULES": "* bench/* role:PUBLISHER",
    }
    bearer = f"Bearer {_make_token(key)}"
    topic = "bench/authenticated"
    with bench.suite() as open_suite, bench.suite(settings) as closed_suite:
        open_suite.start()
        closed_suite.start()
        open_suite.hub().register(topic).check_accepted()
        with_token = closed_suite.hub(headers={"Authorization": bearer})
        with_token.register(topic).check_accepted()
        plain = _server(open_suite["hub-0"], topic)
        ours = _server(closed_suite["hub-0"], topic, "--header", f"Authorization: {bearer}")
        for server in (plain, ours):
            server.warm_up()
        for server in (plain, ours, ours, plain):
            server.publish(seconds / 2)
    bench.add(
        Row(
            f"publishes without authentication, {CONNECTIONS} connections",
            f"{plain.per_second:,.0f}/s, {plain.cpu_us:.1f} µs CPU each",
        )
    )
    ratio = ours.per_second / plain.per_second
    bench.add(
        Row(
            "publishes with a token (RS256), keys cached",
            f"{ours.per_second:,.0f}/s, {ours.cpu_us:.1f} µs CPU each",
            f"{ratio:.2f} × without",
            "≥ 0.9 ×",
            ratio >= 0.9,
        )
    )


def _server(hub, topic: str, *arguments: str) -> Server:
    return Server(hub.port, topic, hub.pid, *arguments)


def _write_public_key(key: rsa.RSAPrivateKey, path: Path) -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))


def _make_token(key: rsa.RSAPrivateKey) -> str:
    now = int(time.time())
    claims = {
        "iss": "https://issuer.example",
        "sub": "service-account-registry",
        "aud": ["hub", "others"],
        "iat": now,
        "exp": now + 3600,
        "scope": "openid profile PUBLISHER",
        "realm_access": {"roles": [f"ROLE_{number}" for number in range(20)]},
    }
    return jwt.encode(claims, key, algorithm="RS256")

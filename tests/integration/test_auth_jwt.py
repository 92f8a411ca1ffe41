"""auth.mode "jwt": good is what the issuer signed for us, for now, whatever else a token says of itself.

Where keys come from and go to is in test_auth_jwt_keys.py.
"""

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from harness.issuer import ALGORITHMS, Issuer, SigningKey, TokenClients, b64, encode
from harness.providers import HOUR, bearer, check_missing, check_unauthorized, cookie
from harness.suite import Suite
from harness.topics import new_topic

KEYS = {algorithm: SigningKey(algorithm) for algorithm in ALGORITHMS}
RS, ES = KEYS["RS256"], KEYS["ES256"]
STRANGER = SigningKey("RS256", RS.kid)
UNUSABLE = {
    "RSA of 1024 bits": SigningKey("RS256", bits=1024),
    "for encryption": SigningKey("RS256"),
    "for another algorithm": SigningKey("RS256"),
    "published with its private half": SigningKey("ES256"),
}


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer(*KEYS.values())
    small, encryption, other, private = UNUSABLE.values()
    issuer.extra = [
        small.jwk(),
        encryption.jwk(use="enc"),
        other.jwk(alg="RSA-OAEP"),
        private.jwk(d=b64(bytes(32))),
        {"kty": "oct", "kid": "secret", "k": b64(b"secret")},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {},
    ]
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def suite(kafka, issuer, tmp_path_factory):
    """hub-0 takes all algorithms; hub-1 two of them. Both fetch the keys once an hour, or when they must."""
    settings = {
        "WEBSUB_AUTH_MODE": "jwt",
        "WEBSUB_AUTH_JWKS_URL": issuer.keys_url,
        "WEBSUB_AUTH_JWKS_REFRESH_INTERVAL": "1h",
        "WEBSUB_AUTH_ISSUER": Issuer.NAME,
        "WEBSUB_AUTH_AUDIENCE": Issuer.AUDIENCE,
        "WEBSUB_AUTH_LEEWAY": "30s",
        "WEBSUB_AUTH_PROVIDER_TIMEOUT": "10s",
    }
    directory = tmp_path_factory.mktemp("jwt")
    with Suite(
        kafka.bootstrap, directory, "jwt-", hubs=2, consolidators=0, dispatchers=0, settings=settings
    ) as suite:
        suite["hub-1"].env["WEBSUB_AUTH_ALGORITHMS"] = "ES256,RS512"
        yield suite.start()


@pytest.fixture
def clients(suite):
    clients = TokenClients(suite)
    yield clients
    clients.close()


def soon() -> int:
    return int(time.time()) + HOUR


def long_ago() -> int:
    return int(time.time()) - HOUR


def tomorrow() -> int:
    """Still to come, however long after its collection a test runs."""
    return int(time.time()) + 24 * HOUR


# --- good tokens ---


@pytest.mark.parametrize("headers", [bearer, cookie])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signed_token(clients, algorithm, headers):
    clients.show(KEYS[algorithm].sign(Issuer.claims()), headers=headers).check_accepted()


GOOD = {
    "in one audience of several": lambda: RS.sign(Issuer.claims(aud=["other", Issuer.AUDIENCE, 5])),
    "with nbf": lambda: RS.sign(Issuer.claims(nbf=long_ago())),
    "exp with a fraction": lambda: RS.sign(Issuer.claims(exp=soon() + 0.5)),
    "expired within the leeway": lambda: RS.sign(Issuer.claims(exp=int(time.time()) - 1)),
    "deeply nested": lambda: RS.sign(Issuer.claims(nested=json.loads("[" * 500 + "]" * 500))),
    "no kid": lambda: RS.forge({"kid": None}, Issuer.claims()),
    "no kid, ES384": lambda: KEYS["ES384"].forge({"kid": None}, Issuer.claims()),
    "no typ": lambda: RS.forge({"typ": None}, Issuer.claims()),
    "typ in small letters": lambda: RS.forge({"typ": "jwt"}, Issuer.claims()),
    "headers that are nothing to us": lambda: RS.forge(
        {"jku": "http://127.0.0.1:9/keys", "jwk": STRANGER.jwk(), "x5c": ["AAAA"]}, Issuer.claims()
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_token(clients, name):
    clients.show(GOOD[name]()).check_accepted()


def test_the_audit_log_tells_who(suite, clients):
    topic = new_topic()
    token = RS.sign(Issuer.claims(sub="service-account-bob"))
    hub = suite.hub(headers=bearer(token))
    hub.register(topic).check_accepted()
    hub.close()
    events = suite["hub-0"].events("audit.allowed", topic=topic)
    assert [(e["user"], e["method"], e["operation"]) for e in events] == [("bob", "jwt", "register")]


def test_no_token(suite):
    hub = suite.hub()
    check_missing(hub.register(new_topic()))
    hub.close()


# --- claims ---

EXPIRED = "the token has expired"
EARLY = "the token is not valid yet"
ISSUER = "the token is not from the issuer that is trusted here"
AUDIENCE = "the token is for another audience"
NO_TIME = "the token's end (exp) is no time"
NO_USER = "the token has no claim with the name of its user"

BAD_CLAIMS = {
    "expired": ({"exp": long_ago()}, EXPIRED),
    "expired beyond the leeway": ({"exp": int(time.time()) - 60}, EXPIRED),
    "expired before there were clocks": ({"exp": -1e300}, EXPIRED),
    "not yet valid": ({"nbf": tomorrow()}, EARLY),
    "nbf is no number": ({"nbf": "now"}, "the token's begin (nbf) is no time"),
    "no exp": ({"exp": None}, "the token has no end (exp)"),
    "exp is text": ({"exp": str(soon())}, NO_TIME),
    "exp is true": ({"exp": True}, NO_TIME),
    "wrong issuer": ({"iss": "https://other.example/"}, ISSUER),
    "almost the issuer": ({"iss": Issuer.NAME.rstrip("/")}, ISSUER),
    "issuer in a list": ({"iss": [Issuer.NAME]}, ISSUER),
    "no issuer": ({"iss": None}, ISSUER),
    "wrong audience": ({"aud": "other"}, AUDIENCE),
    "no audience": ({"aud": None}, AUDIENCE),
    "wrong audiences": ({"aud": ["other", "the-hubs", ""]}, AUDIENCE),
    "audiences in one text": ({"aud": f"other {Issuer.AUDIENCE}"}, AUDIENCE),
    "audience in a list in a list": ({"aud": [[Issuer.AUDIENCE]]}, AUDIENCE),
    "audience is an object": ({"aud": {Issuer.AUDIENCE: Issuer.AUDIENCE}}, AUDIENCE),
    "audience is a number": ({"aud": 5}, AUDIENCE),
    "audience is true": ({"aud": True}, AUDIENCE),
    "no user": ({"sub": None}, NO_USER),
    "user is a number": ({"sub": 5}, NO_USER),
    "user with a control character": ({"sub": "ann\n"}, "the token's user has a name that cannot be used"),
}


@pytest.mark.parametrize("name", BAD_CLAIMS)
def test_bad_claims(clients, name):
    claims, reason = BAD_CLAIMS[name]
    check_unauthorized(clients.show(RS.forge({}, Issuer.claims(**claims))), reason)


NO_OBJECT = {
    "a list": "[]",
    "text": '"sub"',
    "a number": "5",
    "no JSON": "sub: ann",
    "two objects": "{}{}",
    "a member twice": '{"sub": "ann", "sub": "operator"}',
    "a NUL": '{"sub": "ann"}\0',
    "nested too deeply": '{"a":' + "[" * 2500 + "]" * 2500 + "}",
}


@pytest.mark.parametrize("name", NO_OBJECT)
def test_claims_that_are_no_object(clients, name):
    token = RS.forge({}, NO_OBJECT[name])
    check_unauthorized(clients.show(token), "the token's claims are no JSON object")


# --- algorithms ---

NOT_ALLOWED = "the token's algorithm is not allowed"
NO_JWT = "the token is no signed JWT"
WRONG = "the token's signature is wrong"
UNFIT = "the token's key (kid) is not for its algorithm"
UNKNOWN = "the token's key is unknown"


def hmac_with(secret: bytes):
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def pss(data: bytes) -> bytes:
    return RS.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


BAD_ALGORITHMS = {
    f"alg {name}": lambda name=name: RS.forge({"alg": name}, Issuer.claims())
    for name in ("none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS1", 5, True, ["RS256"])
} | {
    "no alg": lambda: RS.forge({"alg": None}, Issuer.claims()),
    "HS256 with the PEM": lambda: RS.forge({"alg": "HS256"}, Issuer.claims(), hmac_with(RS.public_bytes())),
    "hs256 with the PEM": lambda: RS.forge({"alg": "hs256"}, Issuer.claims(), hmac_with(RS.public_bytes())),
    "HS256 with the PEM without its last newline": lambda: RS.forge(
        {"alg": "HS256"}, Issuer.claims(), hmac_with(RS.public_bytes().rstrip())
    ),
    "HS256 with the DER": lambda: RS.forge(
        {"alg": "HS256"}, Issuer.claims(), hmac_with(RS.public_bytes(serialization.Encoding.DER))
    ),
    "HS256 with an empty secret": lambda: RS.forge({"alg": "HS256"}, Issuer.claims(), hmac_with(b"")),
    "HS256 with a key of the set": lambda: RS.forge(
        {"alg": "HS256", "kid": "secret"}, Issuer.claims(), hmac_with(b"secret")
    ),
    "PS256": lambda: RS.forge({"alg": "PS256"}, Issuer.claims(), pss),
}


@pytest.mark.parametrize("name", BAD_ALGORITHMS)
def test_algorithm_that_is_not_allowed(clients, name):
    check_unauthorized(clients.show(BAD_ALGORITHMS[name]()), NOT_ALLOWED)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "RS256", "HS256"])
def test_no_signature_at_all(clients, name):
    unsigned = f"{encode({'alg': name, 'typ': 'JWT'})}.{encode(Issuer.claims())}"
    for token in (unsigned, unsigned + "."):
        check_unauthorized(clients.show(token), NO_JWT)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_the_algorithms_of_the_configuration(clients, algorithm):
    shown = clients.show(KEYS[algorithm].sign(Issuer.claims()), "hub-1")
    if algorithm in ("ES256", "RS512"):
        shown.check_accepted()
    else:
        check_unauthorized(shown, NOT_ALLOWED)


# --- keys and signatures ---


def flip(token: str, part: int) -> str:
    """Another character in the middle of a part."""
    parts = token.split(".")
    middle = len(parts[part]) // 2
    other = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    return ".".join(parts)


def with_claims_of(token: str, claims: dict) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{encode(claims)}.{signature}"


def der(data: bytes) -> bytes:
    return ES.private.sign(data, ec.ECDSA(hashes.SHA256()))


BAD_SIGNATURES = {
    "signed by a stranger": (lambda: STRANGER.sign(Issuer.claims()), WRONG),
    "signed by a stranger, without kid": (lambda: STRANGER.forge({"kid": None}, Issuer.claims()), WRONG),
    "signed by a stranger whose key it brings": (
        lambda: STRANGER.forge({"jwk": STRANGER.jwk()}, Issuer.claims()),
        WRONG,
    ),
    "other claims": (lambda: with_claims_of(RS.sign(Issuer.claims()), Issuer.claims(sub="bob")), WRONG),
    "other claims, ES256": (
        lambda: with_claims_of(ES.sign(Issuer.claims()), Issuer.claims(sub="bob")),
        WRONG,
    ),
    "tampered signature": (lambda: flip(RS.sign(Issuer.claims()), 2), WRONG),
    "tampered signature, ES256": (lambda: flip(ES.sign(Issuer.claims()), 2), WRONG),
    "half a signature": (lambda: RS.forge({}, Issuer.claims(), lambda d: RS.signature(d)[:128]), WRONG),
    "an ES256 signature in DER": (lambda: ES.forge({}, Issuer.claims(), der), WRONG),
    "an ES256 signature of zeros": (lambda: ES.forge({}, Issuer.claims(), lambda _: bytes(64)), WRONG),
    "an ES256 signature that is too long": (
        lambda: ES.forge({}, Issuer.claims(), lambda d: ES.signature(d) + bytes(2)),
        WRONG,
    ),
    "another hash than it says": (
        lambda: RS.forge({}, Issuer.claims(), lambda d: RS.signature(d, "RS512")),
        WRONG,
    ),
    "RS256 with a key for EC": (lambda: RS.forge({"kid": ES.kid}, Issuer.claims()), UNFIT),
    "ES256 with a key for RSA": (lambda: ES.forge({"kid": RS.kid}, Issuer.claims()), UNFIT),
    "ES256 on P-384": (
        lambda: KEYS["ES384"].forge(
            {"alg": "ES256"}, Issuer.claims(), lambda d: KEYS["ES384"].signature(d, "ES256")
        ),
        UNFIT,
    ),
    "ES512 on P-256": (
        lambda: ES.forge({"alg": "ES512"}, Issuer.claims(), lambda d: ES.signature(d, "ES512")),
        UNFIT,
    ),
    "kid is a number": (lambda: RS.forge({"kid": 5}, Issuer.claims()), "(kid) has no usable name"),
    "kid is long": (lambda: RS.forge({"kid": "k" * 300}, Issuer.claims()), "(kid) has no usable name"),
    "critical extension": (lambda: RS.forge({"crit": ["b64"], "b64": True}, Issuer.claims()), "(crit)"),
    "empty crit": (lambda: RS.forge({"crit": []}, Issuer.claims()), "(crit)"),
    "another type": (lambda: RS.forge({"typ": "at+jwt"}, Issuer.claims()), "type (typ) is not JWT"),
}


@pytest.mark.parametrize("name", BAD_SIGNATURES)
def test_bad_key_or_signature(clients, name):
    make, reason = BAD_SIGNATURES[name]
    check_unauthorized(clients.show(make()), reason)


def test_unknown_keys(clients):
    """All at once: each may wait until the keys may be fetched again."""
    tokens = [key.sign(Issuer.claims()) for key in UNUSABLE.values()]
    tokens += [RS.forge({"kid": kid}, Issuer.claims()) for kid in ("unknown", "broken", "", RS.kid + " ")]
    with ThreadPoolExecutor(len(tokens)) as pool:
        for refused in pool.map(clients.show, tokens):
            check_unauthorized(refused, UNKNOWN)
    clients.show(RS.sign(Issuer.claims())).check_accepted()


# --- forms ---


def other_last_character(token: str) -> str:
    """Decodes to the same bytes where left-over bits are not looked at."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


MALFORMED = {
    "garbage": lambda t: "garbage",
    "points": lambda t: "...",
    "one point": lambda t: ".",
    "one part": lambda t: t.split(".")[0],
    "two parts": lambda t: t.rpartition(".")[0],
    "two parts and a point": lambda t: t.rpartition(".")[0] + ".",
    "four parts": lambda t: t + ".AAAA",
    "a point at the end": lambda t: t + ".",
    "a point in the signature": lambda t: t[:-10] + "." + t[-10:],
    "a point at the begin": lambda t: "." + t,
    "five parts": lambda t: t + ".AAAA.AAAA",
    "no header": lambda t: "." + t.split(".", 1)[1],
    "no claims": lambda t: t.split(".")[0] + ".." + t.split(".")[2],
    "foreign character at the end": lambda t: t + "~",
    "foreign character in the header": lambda t: t[:5] + "~" + t[5:],
    "padding": lambda t: t + "==",
    "three characters too many": lambda t: t + "AAA",
    "left-over bits": other_last_character,
    "base64 instead of base64url": lambda t: t[:-8] + "++++++++",
    "header is a list": lambda t: encode([]) + "." + t.split(".", 1)[1],
    "header is no JSON": lambda t: encode("alg: RS256") + "." + t.split(".", 1)[1],
    "header with a NUL": lambda t: encode({"alg": "RS256\0"}) + "." + t.split(".", 1)[1],
    "header with a member twice": lambda t: encode('{"alg":"RS256","alg":"RS256"}')
    + "."
    + t.split(".", 1)[1],
}


@pytest.mark.parametrize("headers", [bearer, cookie])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_token(clients, name, headers):
    good = RS.sign(Issuer.claims())
    clients.show(good, headers=headers).check_accepted()
    check_unauthorized(clients.show(MALFORMED[name](good), headers=headers), NO_JWT)


def test_long_token(clients):
    """Up to a bound it is judged like any other; beyond it is refused unread."""
    clients.show(RS.sign(Issuer.claims(padding="x" * 5000))).check_accepted()
    check_unauthorized(clients.show(RS.sign(Issuer.claims(padding="x" * 7000))), "too long")


def test_tokens_of_random_bytes(clients):
    for size in range(1, 60):
        check_unauthorized(clients.show(b64(hashlib.shake_128(bytes([size])).digest(size))), NO_JWT)

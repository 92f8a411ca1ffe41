"""Values that must never show up in a log: every secret and payload of the tests carries a mark."""

MARK = "planted-never-log-this"


def secret(name: str = "secret") -> str:
    return f"{MARK}-{name}"


def payload(text: str = "payload") -> bytes:
    return f"{MARK} {text}".encode()

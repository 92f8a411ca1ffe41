"""Names of WebSub topics that no other test uses."""

import itertools
import os

_numbers = itertools.count(1)


def new_topic(name: str = "feed") -> str:
    return f"http://publisher.example/{os.getpid()}/{name}/{next(_numbers)}"

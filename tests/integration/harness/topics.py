"""Names of WebSub topics that no other test uses."""

import itertools
import os

from .hub_client import HubClient

_numbers = itertools.count(1)


def new_topic(name: str = "feed") -> str:
    return f"http://publisher.example/{os.getpid()}/{name}/{next(_numbers)}"


def register_topic(hub: HubClient, name: str = "feed") -> str:
    """A new topic that may be published to."""
    topic = new_topic(name)
    hub.register(topic).check_accepted()
    return topic

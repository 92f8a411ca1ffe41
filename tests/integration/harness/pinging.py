"""Light pings, and how one sees what became of them."""

from pathlib import Path

from . import planted
from .hub_client import HubClient
from .site import Page
from .suite import Suite
from .wait import wait_for

MAX_BYTES = 100 * 1024
FETCH_TIMEOUT = 5


def pinged_suite(bootstrap: str, directory: Path, prefix: str) -> Suite:
    """One whose fetches are quick, and given up as quickly as a busy machine allows that tries some times."""
    settings = {
        "WEBSUB_FETCH_TIMEOUT": f"{FETCH_TIMEOUT}s",
        "WEBSUB_FETCH_MAX_BYTES": str(MAX_BYTES),
        "WEBSUB_FETCH_GIVE_UP_AFTER": "5s",
        "WEBSUB_FETCH_MIN_INTERVAL": "200ms",
        "WEBSUB_RETRY_MAX_INTERVAL": "5s",
        # Loopback is larger than that: who leads elsewhere in it leads to a forbidden address.
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": "127.0.0.1/32",
    }
    return Suite(bootstrap, directory, prefix, settings=settings)


def ping(hub: HubClient, *topics: str) -> None:
    assert hub.ping(*topics).status == 204


def change(hub: HubClient, page: Page, text: str = "second") -> bytes:
    """What it answers with from now on; returns that."""
    page.change(planted.payload(text))
    ping(hub, page.url)
    return page.body


def given_up(suite: Suite, topic: str) -> list[dict]:
    return suite["dispatcher-0"].events("fetch.given_up", topic=topic)


def wait_given_up(suite: Suite, topic: str, reason: str, count: int = 1) -> None:
    wait_for(lambda: len(given_up(suite, topic)) >= count, lambda: f"{topic} given up for {reason}")
    assert {event["reason"] for event in given_up(suite, topic)} == {reason}


def wait_unchanged(suite: Suite, topic: str, count: int = 1) -> None:
    wait_for(
        lambda: len(suite["dispatcher-0"].events("fetch.unchanged", topic=topic)) >= count,
        f"{count} fetches of {topic} that found nothing new",
    )


def wait_fetched(page: Page, count: int) -> None:
    wait_for(lambda: len(page.fetches()) >= count, lambda: f"{count} fetches{page.describe()}")

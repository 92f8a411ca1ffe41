"""fetch.feed_diff: of a feed only what is new or has changed; and who may ping at all."""

import xml.etree.ElementTree as ElementTree

import pytest

from harness import planted
from harness.settle import subscribe
from harness.site import ATOM, TEXT, Page
from harness.suite import Suite
from harness.wait import wait_for

ATOM_NAME = "{http://www.w3.org/2005/Atom}"
RSS = "application/rss+xml"


@pytest.fixture(scope="module")
def feed_suite(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_FETCH_FEED_DIFF": "true",
        "WEBSUB_FETCH_FEED_DIFF_ENTRIES": "3",
        "WEBSUB_FETCH_MIN_INTERVAL": "100ms",
        "WEBSUB_HUB_AUTO_REGISTER": "true",
    }
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("feeds"), "feeds-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def hub(feed_suite):
    client = feed_suite.hub()
    yield client
    client.close()


def atom(*entries: tuple[str, str]) -> bytes:
    inner = "".join(f"<entry><id>urn:{name}</id><title>{text}</title></entry>\n" for name, text in entries)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>{planted.MARK}</title><link rel='hub' href='http://hub.example/'/>{inner}</feed>"
    ).encode()


def rss(*entries: tuple[str, str]) -> bytes:
    inner = "".join(f"<item><guid>{name}</guid><title>{text}</title></item>\n" for name, text in entries)
    return f'<rss version="2.0"><channel><title>{planted.MARK}</title>{inner}</channel></rss>'.encode()


def titles(body: bytes) -> list[str]:
    root = ElementTree.fromstring(body)
    assert planted.MARK in body.decode()  # the feed's head is still there
    return [e.findtext("title") or e.findtext(f"{ATOM_NAME}title") for e in root.iter() if is_entry(e)]


def is_entry(element: ElementTree.Element) -> bool:
    return element.tag in ("item", f"{ATOM_NAME}entry")


@pytest.mark.parametrize("content_type, make", [(ATOM, atom), (RSS, rss)], ids=["atom", "rss"])
def test_only_new_and_changed_entries_are_distributed(feed_suite, hub, subscriber, content_type, make):
    page, endpoint = Page(subscriber, make(("a", "1"), ("b", "1")), content_type), subscriber.endpoint()
    hub.register(page.url).check_accepted()
    subscribe(hub, page.url, endpoint)

    def distribute(*entries: tuple[str, str]) -> list[str]:
        page.change(make(*entries))
        before = len(endpoint.deliveries())
        assert hub.ping(page.url).status == 204
        wait_for(lambda: len(endpoint.deliveries()) > before, "a delivery")
        return titles(endpoint.deliveries()[before].body)

    assert distribute(("a", "1"), ("b", "1")) == ["1", "1"]
    assert distribute(("c", "new"), ("a", "1"), ("b", "1")) == ["new"]
    assert distribute(("c", "new"), ("a", "changed"), ("b", "1")) == ["changed"]
    # "d" replaces "b", which comes back: it is remembered as long as there is room for three.
    assert distribute(("d", "newer"), ("c", "new")) == ["newer"]
    assert distribute(("e", "newest"), ("d", "newer"), ("c", "new")) == ["newest"]
    assert distribute(("f", "last"), ("a", "changed")) == ["last", "changed"]
    # No entry is new: nothing is distributed, whatever else has changed.
    page.change(make(("a", "changed"), ("f", "last")).replace(planted.MARK.encode(), b"other title"))
    before = len(endpoint.deliveries())
    assert hub.ping(page.url).status == 204
    wait_for(lambda: feed_suite["dispatcher-0"].events("fetch.unchanged", topic=page.url), "unchanged")
    assert len(endpoint.deliveries()) == before


def test_what_is_no_feed_is_distributed_as_a_whole(hub, subscriber):
    page, endpoint = Page(subscriber, b"<feed>not well-formed", ATOM), subscriber.endpoint()
    hub.register(page.url).check_accepted()
    subscribe(hub, page.url, endpoint)
    expected = []
    for body in (planted.payload("<feed"), b"<html>" + planted.payload() + b"</html>", atom(("a", "1"))):
        page.change(body)
        assert hub.ping(page.url).status == 204
        expected.append(body)
        endpoint.wait_bodies(expected)


def test_a_ping_registers_its_topics_on_first_use(hub, subscriber):
    pages = [Page(subscriber, planted.payload(), TEXT) for _ in range(2)]
    assert hub.ping(*(page.url for page in pages)).status == 204
    for page in pages:
        endpoint = subscriber.endpoint()
        subscribe(hub, page.url, endpoint)
        page.change(planted.payload("second"))
        assert hub.ping(page.url).status == 204
        # What the first ping was about may have been published before or after the subscription.
        wait_for(lambda: page.body in endpoint.bodies(), lambda: f"the second{endpoint.describe()}")

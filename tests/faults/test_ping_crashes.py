"""Light pings through crashes: what was answered is fetched, whoever dies between the ping and the message.

A topic's content is distributed at least once for the pings that it answers, the newest last, and
twice only with the same message id.
"""

import threading
import time

import pytest

from harness import planted
from harness.behaviours import answer, first, hold
from harness.settle import subscribe
from harness.site import TEXT, Page
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.wait import stays_false, wait_for


@pytest.fixture(scope="module")
def site():
    """Its pages do not go away with a test, as callbacks do."""
    server = Subscriber()
    yield server
    server.stop()


@pytest.fixture
def single(kafka, tmp_path):
    """One of each program, with a state of its own."""
    settings = {"WEBSUB_FETCH_MIN_INTERVAL": "100ms", "WEBSUB_KAFKA_TRANSACTION_TIMEOUT": "3s"}
    with Suite(kafka.bootstrap, tmp_path, f"pingfaults-{tmp_path.name}-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def pair(kafka, tmp_path):
    settings = {"WEBSUB_FETCH_MIN_INTERVAL": "100ms"}
    prefix = f"pingpair-{tmp_path.name}-"
    with Suite(kafka.bootstrap, tmp_path, prefix, dispatchers=2, settings=settings) as suite:
        yield suite.start()


def subscribed_page(suite: Suite, site: Subscriber, subscriber: Subscriber) -> tuple[Page, Endpoint]:
    hub = suite.hub()
    page, endpoint = Page(site, planted.payload("first"), TEXT), subscriber.endpoint()
    hub.register(page.url).check_accepted()
    subscribe(hub, page.url, endpoint)
    hub.close()
    return page, endpoint


def change(suite: Suite, page: Page, text: str) -> bytes:
    hub = suite.hub()
    page.change(planted.payload(text))
    assert hub.ping(page.url).status == 204
    hub.close()
    return page.body


def distinct_bodies(endpoint: Endpoint) -> list[bytes]:
    """In the order in which they came; what a takeover repeated has the same message id."""
    return list({delivery.message_id: delivery.body for delivery in endpoint.deliveries()}.values())


def wait_distinct(endpoint: Endpoint, expected: list[bytes]) -> None:
    wait_for(
        lambda: distinct_bodies(endpoint) == expected,
        lambda: f"{expected}, in that order{endpoint.describe()}",
    )


def check_newest_is_last(endpoint: Endpoint, newest: bytes) -> None:
    """Once all is delivered: each content came under one message id."""
    wait_for(lambda: newest in endpoint.bodies(), lambda: f"the newest{endpoint.describe()}")
    assert endpoint.bodies()[-1] == newest, endpoint.describe()
    by_body: dict[bytes, set] = {}
    for delivery in endpoint.deliveries():
        by_body.setdefault(delivery.body, set()).add(delivery.message_id)
    assert all(len(ids) == 1 for ids in by_body.values()), endpoint.describe()


@pytest.mark.parametrize("victims", [("dispatcher-0",), ("consolidator-0",), ("hub-0",), ()], ids=", ".join)
def test_a_ping_that_was_answered_survives_whoever_dies_before_the_fetch(single, site, subscriber, victims):
    page, endpoint = subscribed_page(single, site, subscriber)
    # Without a consolidator nobody knows of the ping but Kafka.
    single.kill("consolidator-0")
    newest = change(single, page, "second")
    single.kill(*victims)
    single.start()
    wait_distinct(endpoint, [newest])
    newer = change(single, page, "third")
    wait_distinct(endpoint, [newest, newer])


@pytest.mark.parametrize("victims", [("dispatcher-0",), ("consolidator-0", "dispatcher-0")], ids=", ".join)
def test_a_fetch_that_is_cut_off_is_made_again(single, site, subscriber, victims):
    page, endpoint = subscribed_page(single, site, subscriber)
    release = threading.Event()
    page.behave(first(1, hold(release, page.answer), page.answer))
    newest = change(single, page, "second")
    wait_for(page.fetches, "a fetch under way")
    single.kill(*victims)
    release.set()
    single.start()
    wait_distinct(endpoint, [newest])


def test_a_ping_during_a_fetch_that_is_cut_off_is_not_lost(single, site, subscriber):
    page, endpoint = subscribed_page(single, site, subscriber)
    release = threading.Event()
    page.behave(first(1, hold(release, answer(200, planted.payload("old"))), page.answer))
    change(single, page, "second")
    wait_for(page.fetches, "a fetch under way")
    newest = change(single, page, "third")
    single.kill("dispatcher-0")
    release.set()
    single.start()
    check_newest_is_last(endpoint, newest)


def test_pings_and_kills_again_and_again(single, site, subscriber):
    """Kills fall on every step from the ping to the delivery, as chance has it."""
    page, endpoint = subscribed_page(single, site, subscriber)
    victims = ("dispatcher-0", "consolidator-0")
    for number in range(6):
        newest = change(single, page, f"version {number}")
        time.sleep(0.02 * number)  # not to wait for anything: where the kill falls
        single.kill(victims[number % 2])
        single.start()
        check_newest_is_last(endpoint, newest)


def owner_of(suite: Suite, page: Page) -> str:
    """Who fetches the page."""

    def probe() -> str | None:
        for name in ("dispatcher-0", "dispatcher-1"):
            if suite[name].running and suite[name].events("fetch.distributed", topic=page.url):
                return name
        return None

    return wait_for(probe, "a fetch")


def test_another_dispatcher_takes_over_from_one_that_died(pair, site, subscriber):
    page, endpoint = subscribed_page(pair, site, subscriber)
    expected = [change(pair, page, "second")]
    wait_distinct(endpoint, expected)
    pair.kill(owner_of(pair, page))
    expected.append(change(pair, page, "third"))
    wait_distinct(endpoint, expected)


def test_one_that_stops_gracefully_hands_its_fetches_over(pair, site, subscriber):
    page, endpoint = subscribed_page(pair, site, subscriber)
    expected = [change(pair, page, "second")]
    wait_distinct(endpoint, expected)
    release = threading.Event()
    page.behave(first(1, hold(release, page.answer), page.answer))
    before = len(page.fetches())
    expected.append(change(pair, page, "third"))
    wait_for(lambda: len(page.fetches()) > before, "a fetch under way")
    pair.terminate(owner_of(pair, page))
    wait_distinct(endpoint, expected)
    release.set()


def test_one_that_wakes_up_from_a_stop_does_not_put_old_content_behind_new(pair, site, subscriber):
    page, endpoint = subscribed_page(pair, site, subscriber)
    first_body = change(pair, page, "second")
    wait_distinct(endpoint, [first_body])
    owner = owner_of(pair, page)
    release = threading.Event()
    old = planted.payload("old")
    page.behave(first(1, hold(release, answer(200, old, {"Content-Type": TEXT})), page.answer))
    before = len(page.fetches())
    newest = change(pair, page, "third")
    wait_for(lambda: len(page.fetches()) > before, "a fetch under way")
    pair[owner].pause()
    try:
        release.set()  # the answer waits in its socket
        wait_for(lambda: newest in endpoint.bodies(), lambda: f"the newest{endpoint.describe()}", timeout=60)
    finally:
        pair[owner].resume()
    # It has lost its shards; what it does now must leave the newest where it is.
    newer = change(pair, page, "fourth")
    wait_for(lambda: newer in endpoint.bodies(), lambda: f"the newer{endpoint.describe()}")
    stays_false(lambda: old in endpoint.bodies(), "old content", 3)
    assert distinct_bodies(endpoint) == [first_body, newest, newer], endpoint.describe()

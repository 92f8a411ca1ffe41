"""Light pings: what is asked for, what is fetched, and what of it is distributed."""

import itertools
import threading
import time
from urllib.parse import quote, urlencode

import pytest

from harness import planted
from harness.behaviours import answer, drop_connection, first, hold, no_http
from harness.hub_client import FORM
from harness.metrics import metric
from harness.settle import subscribe
from harness.site import ATOM, HTML, TEXT, Page
from harness.subscriber import Subscriber
from harness.suite import Suite
from harness.topics import new_topic
from harness.trap import Trap
from harness.trickle import Trickle
from harness.wait import wait_for

MAX_BYTES = 100 * 1024


@pytest.fixture(scope="module")
def ping_suite(kafka, tmp_path_factory):
    settings = {
        "WEBSUB_FETCH_TIMEOUT": "3s",
        "WEBSUB_FETCH_MAX_BYTES": str(MAX_BYTES),
        "WEBSUB_FETCH_GIVE_UP_AFTER": "2s",
        "WEBSUB_FETCH_MIN_INTERVAL": "200ms",
        "WEBSUB_RETRY_MAX_INTERVAL": "5s",
        # Loopback is larger than that: who leads elsewhere in it leads to a forbidden address.
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": "127.0.0.1/32",
    }
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("ping"), "ping-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture
def hub(ping_suite):
    client = ping_suite.hub()
    yield client
    client.close()


@pytest.fixture
def page(hub, subscriber):
    """A registered topic of the test's own."""
    page = Page(subscriber, planted.payload("first"), TEXT)
    hub.register(page.url).check_accepted()
    return page


@pytest.fixture
def endpoint(hub, page, subscriber):
    """Subscribed to the page."""
    endpoint = subscriber.endpoint()
    subscribe(hub, page.url, endpoint)
    return endpoint


def ping(hub, *topics: str) -> None:
    assert hub.ping(*topics).status == 204


def change(hub, page: Page, text: str = "second") -> bytes:
    page.change(planted.payload(text))
    ping(hub, page.url)
    return page.body


def given_up(suite, topic: str) -> list[dict]:
    return suite["dispatcher-0"].events("fetch.given_up", topic=topic)


def wait_given_up(suite, topic: str, reason: str, count: int = 1) -> None:
    wait_for(lambda: len(given_up(suite, topic)) >= count, lambda: f"{topic} given up for {reason}")
    assert {event["reason"] for event in given_up(suite, topic)} == {reason}


def wait_unchanged(suite, topic: str, count: int = 1) -> None:
    wait_for(
        lambda: len(suite["dispatcher-0"].events("fetch.unchanged", topic=topic)) >= count,
        f"{count} fetches of {topic} that found nothing new",
    )


def wait_fetched(page: Page, count: int) -> None:
    wait_for(lambda: len(page.fetches()) >= count, lambda: f"{count} fetches{page.describe()}")


# --- the request ---


@pytest.mark.parametrize("name", ["hub.url", "hub.topic"])
@pytest.mark.parametrize("place", ["form", "query", "both", "mode in the query"])
def test_parameters_come_in_form_or_query(hub, page, endpoint, name, place):
    page.change(planted.payload(place))
    mode, topic = urlencode({"hub.mode": "publish"}), urlencode({name: page.url})
    query, body = {
        "form": ("", f"{mode}&{topic}"),
        "query": (f"?{mode}&{topic}", None),
        "both": (f"?{topic}", f"{mode}&{topic}"),
        "mode in the query": (f"?{mode}", topic),
    }[place]
    headers = {"Content-Type": FORM} if body else {}
    answered = hub.request("POST", hub.path + query, body, headers)
    assert (answered.status, answered.body) == (204, b"")
    endpoint.wait_bodies([page.body])


def test_who_uses_ballerinas_library_gets_the_answer_that_it_expects(hub, page, endpoint):
    page.change(planted.payload("second"))
    body = urlencode({"hub.mode": "publish", "hub.topic": page.url})
    headers = {"Content-Type": FORM, "x-ballerina-publisher": "event"}
    hub.request("POST", hub.path, body, headers).check_accepted(200)
    endpoint.wait_bodies([page.body])


def test_several_topics_in_one_request(hub, subscriber):
    pages = [Page(subscriber, planted.payload("first"), TEXT) for _ in range(5)]
    endpoints = [subscriber.endpoint() for _ in pages]
    for page, endpoint in zip(pages, endpoints):
        hub.register(page.url).check_accepted()
        subscribe(hub, page.url, endpoint)
        page.change(planted.payload("second"))
    # One of them twice, and by both names: that is one ping.
    fields = [("hub.url", page.url) for page in pages] + [("hub.topic", pages[0].url)]
    assert hub.control([("hub.mode", "publish"), *fields]).status == 204
    for page, endpoint in zip(pages, endpoints):
        endpoint.wait_bodies([page.body])


def test_one_unknown_topic_refuses_them_all_and_is_named(hub, page, kafka_view):
    unknown = new_topic("unknown")
    refused = hub.ping(page.url, unknown).check_denied(404)
    assert unknown in refused.reason
    hub.ping(unknown, page.url).check_denied(404)
    assert not pinged(kafka_view, page)


def pinged(kafka_view, page: Page) -> list:
    key = f"topic:{page.url}"
    return [r for r in kafka_view.records("ping-events", key) if r.json["type"] == "topic.pinged"]


@pytest.mark.parametrize(
    "fields", [[], [("hub.url", "")], [("hub.topic", "a\x01b")], [("hub.url", "x" * 5000)]]
)
def test_what_names_no_topic_is_refused(hub, fields):
    hub.control([("hub.mode", "publish"), *fields]).check_denied(400)


def test_a_topic_that_is_only_a_name_gets_an_empty_message(hub, subscriber):
    topic = f"partner/{time.monotonic_ns()}"
    endpoint = subscriber.endpoint()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    ping(hub, topic)
    endpoint.wait_bodies([b""])
    assert endpoint.deliveries()[0].links()["self"] == [quote(topic)]
    ping(hub, topic)
    endpoint.wait_bodies([b"", b""])
    ids_seen = {delivery.message_id for delivery in endpoint.deliveries()}
    assert len(ids_seen) == 2


def test_the_ping_is_in_kafka_when_it_is_answered(hub, page, kafka_view):
    ping(hub, page.url)
    assert len(pinged(kafka_view, page)) == 1


# --- the fetch ---


def test_what_has_not_changed_is_not_distributed_again(ping_suite, hub, page, endpoint):
    expected = [change(hub, page)]
    endpoint.wait_bodies(expected)
    for count, forget in ((1, lambda: None), (2, page.touch)):
        forget()
        ping(hub, page.url)
        wait_unchanged(ping_suite, page.url, count)
    # The first was asked for with the ETag (304), the second came under another one.
    assert [fetch.status for fetch in page.fetches()] == [200, 304, 200]
    expected.append(change(hub, page, "third"))
    endpoint.wait_bodies(expected)


def test_a_date_tells_as_well_whether_it_has_changed(ping_suite, hub, page, endpoint):
    page.validators = "date"
    endpoint.wait_bodies([change(hub, page)])
    ping(hub, page.url)
    wait_unchanged(ping_suite, page.url)
    assert [fetch.status for fetch in page.fetches()] == [200, 304]


def test_without_validators_the_content_tells(ping_suite, hub, page, endpoint):
    page.validators = ""
    endpoint.wait_bodies([change(hub, page)])
    ping(hub, page.url)
    wait_unchanged(ping_suite, page.url)
    page.content_type = "text/markdown"
    ping(hub, page.url)
    endpoint.wait_bodies([page.body, page.body])
    assert [d.header("Content-Type") for d in endpoint.deliveries()] == [TEXT, "text/markdown"]


def test_the_request_says_who_asks_and_can_be_answered_packed(hub, page, endpoint):
    page.packed = True
    page.content_type = "text/plain; charset=utf-8"
    endpoint.wait_bodies([change(hub, page, "é" * 20000)])
    fetch = page.fetches()[0]
    assert fetch.method == "GET" and fetch.header("User-Agent") == "websub"
    delivered = endpoint.deliveries()[0]
    assert delivered.header("Content-Type") == page.content_type
    assert delivered.header("Content-Encoding") is None


def test_fat_and_light_pings_go_together(hub, page, endpoint):
    fat = planted.payload("fat")
    hub.publish(page.url, fat).check_accepted()
    endpoint.wait_bodies([fat])
    light = change(hub, page, "light")
    endpoint.wait_bodies([fat, light])
    hub.publish(page.url, fat).check_accepted()
    endpoint.wait_bodies([fat, light, fat])


def test_content_that_changes_back_is_distributed(hub, page, endpoint):
    expected = []
    for text in ("a", "b", "a"):
        expected.append(change(hub, page, text))
        endpoint.wait_bodies(expected)


def test_a_ping_during_a_fetch_leads_to_another_fetch(hub, page, endpoint):
    release = threading.Event()
    old = planted.payload("old")
    page.behave(first(1, hold(release, answer(200, old, {"Content-Type": TEXT})), page.answer))
    ping(hub, page.url)
    wait_fetched(page, 1)
    new = change(hub, page, "new")
    release.set()
    endpoint.wait_bodies([old, new])


def test_a_storm_of_pings_costs_few_fetches_and_little_state(ping_suite, hub, page, endpoint, kafka_view):
    numbers = itertools.count(1)
    clients = [ping_suite.hub() for _ in range(8)]
    started = time.monotonic()

    def storm(client):
        for _ in range(125):
            page.change(planted.payload(f"version {next(numbers)}"))
            ping(client, page.url)
        client.close()

    threads = [threading.Thread(target=storm, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = planted.payload("newest")
    page.change(newest)
    ping(hub, page.url)
    wait_for(lambda: newest in endpoint.bodies(), lambda: f"the newest{endpoint.describe()}")
    bodies = endpoint.bodies()
    assert bodies[-1] == newest and len(set(bodies)) == len(bodies)
    # The pauses between fetches are fetch.min_interval at least.
    assert len(page.fetches()) <= (time.monotonic() - started) / 0.2 + 2
    assert len(pinged(kafka_view, page)) == 1001
    states = kafka_view.records("ping-state", f"topic:{page.url}")
    # Registered; and pinged, fetching, pinged again, fetched for each fetch.
    assert len(states) <= 1 + 4 * (len(page.fetches()) + 1)


# --- redirects ---


def redirect(to: str, status: int = 302):
    return answer(status, headers={"Location": to})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(hub, page, endpoint, subscriber, status):
    target = Page(subscriber, planted.payload("there"), HTML)
    page.behave(redirect(target.url.partition(f":{subscriber.port}")[2], status))
    ping(hub, page.url)
    endpoint.wait_bodies([target.body])
    assert endpoint.deliveries()[0].header("Content-Type") == HTML
    # Its ETag is for where it came from.
    ping(hub, page.url)
    wait_fetched(target, 2)
    assert page.fetches()[1].header("If-None-Match") is None
    assert target.fetches()[1].header("If-None-Match") == target.etag


def test_a_circle_of_redirects_is_given_up(ping_suite, hub, page, endpoint, subscriber):
    other = Page(subscriber, b"", TEXT)
    page.behave(redirect(other.url))
    other.behave(redirect(page.url))
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, "redirects")
    assert len(page.fetches()) + len(other.fetches()) == 6  # fetch.max_redirects is 5
    page.restore()
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "", "http://u:p@127.0.0.1/"])
def test_redirects_to_what_is_no_web_page_are_given_up(ping_suite, hub, page, location):
    page.behave(redirect(location))
    ping(hub, page.url)
    wait_for(lambda: given_up(ping_suite, page.url), "given up")
    assert given_up(ping_suite, page.url)[0]["reason"] in ("redirects", "forbidden_url")


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "2130706434", "0.0.0.0", "[::ffff:127.0.0.2]"])
def test_no_redirect_leads_to_a_forbidden_address(ping_suite, hub, page, host):
    trap = Trap()
    try:
        page.behave(redirect(f"http://{host}:{trap.port}/"))
        ping(hub, page.url)
        wait_given_up(ping_suite, page.url, "forbidden_address")
        assert trap.callers == []
    finally:
        trap.close()


def test_a_topic_at_a_forbidden_address_is_given_up(ping_suite, hub):
    trap = Trap()
    try:
        topic = f"http://127.0.0.3:{trap.port}/"
        hub.register(topic).check_accepted()
        ping(hub, topic)
        wait_given_up(ping_suite, topic, "forbidden_address")
        assert trap.callers == []
    finally:
        trap.close()


# --- servers in trouble ---


TROUBLES = {
    "status_5xx": answer(500),
    "busy": answer(503),
    "broken_connection": drop_connection,
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_server_in_trouble_is_asked_again(hub, page, endpoint, trouble):
    page.behave(first(3, TROUBLES[trouble], page.answer))
    endpoint.wait_bodies([change(hub, page)])
    assert len(page.fetches()) == 4


def test_half_an_answer_is_none(hub, page, endpoint):
    half = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhalf"
    page.behave(first(2, no_http(half), page.answer))
    endpoint.wait_bodies([change(hub, page)])


def test_retry_after_is_obeyed_whoever_pings_meanwhile(hub, page, endpoint):
    page.behave(first(1, answer(503, headers={"Retry-After": "2"}), page.answer))
    page.change(planted.payload("second"))
    ping(hub, page.url)
    wait_fetched(page, 1)
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])
    assert page.fetches()[1].at - page.fetches()[0].at >= 1.9


def test_a_server_that_stays_down_is_given_up_and_the_next_ping_begins_anew(ping_suite, hub, page, endpoint):
    page.behave(answer(500))
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, "status_5xx")
    asked = len(page.fetches())
    assert asked >= 3
    page.restore()
    endpoint.wait_bodies([change(hub, page)])
    assert len(page.fetches()) == asked + 1


def test_a_ping_during_the_pause_after_a_failure_ends_it(ping_suite, hub, page, endpoint):
    """However long that pause would have been: the publisher says that it is back."""
    page.behave(answer(500))
    ping(hub, page.url)

    def pauses():
        failed = ping_suite["dispatcher-0"].events("fetch.failed", topic=page.url)
        return [event for event in failed if event["retry_in_ms"] > 300]

    wait_for(pauses, "a longer pause")
    page.restore()
    endpoint.wait_bodies([change(hub, page)])


def test_a_server_that_cannot_be_reached_is_given_up(ping_suite, hub, subscriber):
    server = Subscriber()
    page, endpoint = Page(server, planted.payload(), TEXT), subscriber.endpoint()
    hub.register(page.url).check_accepted()
    subscribe(hub, page.url, endpoint)
    server.stop()
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, "refused")
    server.start()
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])
    server.stop()


@pytest.mark.parametrize("status, reason", [(404, "status_4xx"), (410, "status_410"), (304, "status_3xx")])
def test_a_clear_answer_is_not_asked_for_again(ping_suite, hub, page, status, reason):
    page.behave(answer(status))
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, reason)
    assert len(page.fetches()) == 1


def test_a_slow_server_holds_nobody_else_up(ping_suite, hub, page, endpoint, subscriber):
    slow_server = Subscriber()
    release = threading.Event()
    try:
        # More of them than are fetched from one host at a time.
        slow = [Page(slow_server, b"slow", TEXT) for _ in range(12)]
        for other in slow:
            other.behave(hold(release, answer(200)))
            hub.register(other.url).check_accepted()
        ping(hub, *(other.url for other in slow))
        wait_for(lambda: sum(len(other.fetches()) for other in slow) == 4, "four requests to the slow server")
        endpoint.wait_bodies([change(hub, page)])
        assert sum(len(other.fetches()) for other in slow) == 4
    finally:
        release.set()
        slow_server.stop()


def test_a_server_that_does_not_answer_costs_a_bounded_time(ping_suite, hub, page, endpoint):
    release = threading.Event()
    page.behave(hold(release, answer(200)))
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, "timeout")
    release.set()
    page.restore()
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])


def test_content_that_comes_byte_by_byte_for_ever_costs_a_bounded_time(ping_suite, hub):
    with Trickle() as trickle:
        hub.register(trickle.url).check_accepted()
        ping(hub, trickle.url)
        wait_given_up(ping_suite, trickle.url, "timeout")
        assert trickle.sent > 0


def test_content_may_be_as_large_as_the_bound(hub, page, endpoint):
    text = "x" * (MAX_BYTES - len(planted.payload("")))
    body = change(hub, page, text)
    assert len(body) == MAX_BYTES
    endpoint.wait_bodies([body])


@pytest.mark.parametrize("kind", ["a byte more", "endless", "bomb"])
def test_content_that_is_too_large_is_given_up(ping_suite, hub, page, kind):
    if kind == "a byte more":
        page.body = b"x" * (MAX_BYTES + 1)
    elif kind == "bomb":
        page.body, page.packed = b"\0" * (64 << 20), True
        page.prepare()  # the server must not be the slow one
    else:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
        page.behave(no_http(head + b"endless " * (4 << 20)))
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, "too_large")
    assert len(page.fetches()) == 1


def test_what_cannot_be_unpacked_is_no_content(ping_suite, hub, page):
    page.behave(answer(200, b"this is not gzip", {"Content-Encoding": "gzip"}))
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, "broken_connection")


def test_nothing_that_a_server_says_in_its_head_hurts(hub, page, endpoint, subscriber):
    page.headers = {
        "ETag": '"' + "e" * 5000 + '"',
        "Last-Modified": "yesterday \xff",
        "Link": "<" + "/x" * 3000 + '>; rel="self", <<<>>;;;,,rel',
        "Content-Type": "text/plain; x=\x01",
    }
    page.validators = ""
    body = planted.payload("second")
    page.behave(answer(200, body, page.headers))
    ping(hub, page.url)
    endpoint.wait_bodies([body])
    assert endpoint.deliveries()[0].links()["self"] == [page.url]


# --- the canonical topic ---


ATOM_SELF = """<feed xmlns="http://www.w3.org/2005/Atom">
<link rel="self" href="{self}"/><entry><link rel="self" href="http://wrong.example/"/></entry></feed>"""
RSS_SELF = """<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom"><channel>
<item><a:link rel="self" href="http://wrong.example/"/></item>
<a:link href="{self}" rel="self"/></channel></rss>"""
HTML_SELF = """<html><head><link rel="hub self" href="{self}"></head>
<body><link rel="self" href="http://wrong.example/"></body></html>"""


@pytest.mark.parametrize(
    "content_type, content", [(ATOM, ATOM_SELF), ("text/xml", RSS_SELF), (HTML, HTML_SELF), (TEXT, "")]
)
@pytest.mark.parametrize("reference", ["http://canonical.example/a?b=c&d", "/canonical"])
def test_the_canonical_topic_is_what_the_content_names(
    hub, page, endpoint, subscriber, content_type, content, reference
):
    page.content_type = content_type
    page.change(content.format(self=reference.replace("&", "&amp;")).encode() + b" ")
    if not content:
        page.headers = {"Link": f'<http://hub.example/>; rel="hub", <{reference}>; rel="self"'}
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])
    absolute = f"http://127.0.0.1:{subscriber.port}{reference}" if reference[0] == "/" else reference
    delivery = endpoint.deliveries()[0]
    assert delivery.links()["self"] == [absolute]
    assert len(delivery.links()["hub"]) == 1 and len(delivery.header_values("Link")) == 1
    # What was fetched says nothing of what is published with content.
    hub.publish(page.url, planted.payload("fat")).check_accepted()
    endpoint.wait_attempts(2)
    assert endpoint.deliveries()[1].links()["self"] == [page.url]


# --- what can be seen of it ---


def test_metrics_count_what_became_of_fetches(ping_suite, hub, page, endpoint):
    def count(outcome: str) -> float:
        name = f'websub_dispatcher_fetches_total{{outcome="{outcome}"}}'
        return metric(ping_suite["dispatcher-0"], name)

    before = {outcome: count(outcome) for outcome in ("distributed", "unchanged", "given_up", "failed")}
    page.behave(first(1, answer(500), page.answer))
    endpoint.wait_bodies([change(hub, page)])
    ping(hub, page.url)
    wait_unchanged(ping_suite, page.url)
    page.behave(answer(404))
    ping(hub, page.url)
    wait_given_up(ping_suite, page.url, "status_4xx")
    assert all(count(outcome) >= value + 1 for outcome, value in before.items())


def test_the_state_remembers_what_was_fetched(hub, page, endpoint, kafka_view):
    endpoint.wait_bodies([change(hub, page)])
    key = f"topic:{page.url}"

    def settled():
        state = kafka_view.last_value("ping-state", key)
        return state if "pinged" not in state else None

    state = wait_for(settled, "the ping settled")
    assert state["fetched"]["etag"] == page.etag and state["fetched"]["url"] == page.url

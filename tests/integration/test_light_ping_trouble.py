"""Light pings: servers that lead elsewhere, or are in trouble, and what they cannot do to us."""

import threading

import pytest

from harness import planted
from harness.behaviours import answer, drop_connection, first, hold, no_http
from harness.pinging import (
    FETCH_TIMEOUT,
    MAX_BYTES,
    change,
    given_up,
    ping,
    pinged_suite,
    wait_fetched,
    wait_given_up,
)
from harness.settle import subscribe
from harness.site import HTML, TEXT, Page
from harness.subscriber import Subscriber
from harness.trap import Trap
from harness.trickle import Trickle
from harness.wait import wait_for


@pytest.fixture(scope="module")
def suite(kafka, tmp_path_factory):
    with pinged_suite(kafka.bootstrap, tmp_path_factory.mktemp("pingtrouble"), "pingtrouble-") as suite:
        yield suite.start()


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


def test_a_circle_of_redirects_is_given_up(suite, hub, page, endpoint, subscriber):
    other = Page(subscriber, b"", TEXT)
    page.behave(redirect(other.url))
    other.behave(redirect(page.url))
    ping(hub, page.url)
    wait_given_up(suite, page.url, "redirects")
    assert len(page.fetches()) + len(other.fetches()) == 6  # fetch.max_redirects is 5
    page.restore()
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "", "http://u:p@127.0.0.1/"])
def test_redirects_to_what_is_no_web_page_are_given_up(suite, hub, page, location):
    page.behave(redirect(location))
    ping(hub, page.url)
    wait_for(lambda: given_up(suite, page.url), "given up")
    assert given_up(suite, page.url)[0]["reason"] in ("redirects", "forbidden_url")


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "2130706434", "0.0.0.0", "[::ffff:127.0.0.2]"])
def test_no_redirect_leads_to_a_forbidden_address(suite, hub, page, host):
    trap = Trap()
    try:
        page.behave(redirect(f"http://{host}:{trap.port}/"))
        ping(hub, page.url)
        wait_given_up(suite, page.url, "forbidden_address")
        assert trap.callers == []
    finally:
        trap.close()


def test_a_topic_at_a_forbidden_address_is_given_up(suite, hub):
    trap = Trap()
    try:
        topic = f"http://127.0.0.3:{trap.port}/"
        hub.register(topic).check_accepted()
        ping(hub, topic)
        wait_given_up(suite, topic, "forbidden_address")
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


def test_a_server_that_stays_down_is_given_up_and_the_next_ping_begins_anew(suite, hub, page, endpoint):
    page.behave(answer(500))
    ping(hub, page.url)
    wait_given_up(suite, page.url, "status_5xx")
    asked = len(page.fetches())
    assert asked >= 3
    page.restore()
    endpoint.wait_bodies([change(hub, page)])
    assert len(page.fetches()) == asked + 1


def test_a_ping_during_the_pause_after_a_failure_ends_it(suite, hub, page, endpoint):
    """However long that pause would have been: the publisher says that it is back."""
    page.behave(answer(500))
    ping(hub, page.url)

    def pauses():
        failed = suite["dispatcher-0"].events("fetch.failed", topic=page.url)
        return [event for event in failed if event["retry_in_ms"] > 300]

    wait_for(pauses, "a longer pause")
    page.change(planted.payload("second"))  # before it is well: it may be asked again at any time
    page.restore()
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])


def test_a_server_that_cannot_be_reached_is_given_up(suite, hub, subscriber):
    server = Subscriber()
    page, endpoint = Page(server, planted.payload(), TEXT), subscriber.endpoint()
    hub.register(page.url).check_accepted()
    subscribe(hub, page.url, endpoint)
    server.stop()
    ping(hub, page.url)
    wait_given_up(suite, page.url, "refused")
    server.start()
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])
    server.stop()


@pytest.mark.parametrize("status, reason", [(404, "status_4xx"), (410, "status_410"), (304, "status_3xx")])
def test_a_clear_answer_is_not_asked_for_again(suite, hub, page, status, reason):
    page.behave(answer(status))
    ping(hub, page.url)
    wait_given_up(suite, page.url, reason)
    assert len(page.fetches()) == 1


def test_a_slow_server_holds_nobody_else_up(suite, hub, page, endpoint, subscriber):
    slow_server = Subscriber()
    release = threading.Event()
    try:
        # More of them than are fetched from one host at a time.
        slow = [Page(slow_server, b"slow", TEXT) for _ in range(12)]
        for other in slow:
            other.behave(hold(release, answer(200)))
            hub.register(other.url).check_accepted()
        ping(hub, *(other.url for other in slow))

        def begun() -> list[float]:
            return sorted(fetch.at for other in slow for fetch in other.fetches())

        wait_for(lambda: len(begun()) >= 4, "four requests to the slow server")
        endpoint.wait_bodies([change(hub, page)])
        fetched_at = page.fetches()[-1].at
        assert len([at for at in begun() if at < fetched_at]) < len(slow), "it had to wait for all of them"
        # The next ones begin when time-outs have ended the first.
        assert all(at - begun()[0] > FETCH_TIMEOUT / 2 for at in begun()[4:])
    finally:
        release.set()
        slow_server.stop()


def test_a_server_that_does_not_answer_costs_a_bounded_time(suite, hub, page, endpoint):
    release = threading.Event()
    page.behave(hold(release, answer(200)))
    ping(hub, page.url)
    wait_given_up(suite, page.url, "timeout")
    release.set()
    page.restore()
    ping(hub, page.url)
    endpoint.wait_bodies([page.body])


def test_content_that_comes_byte_by_byte_for_ever_costs_a_bounded_time(suite, hub):
    with Trickle() as trickle:
        hub.register(trickle.url).check_accepted()
        ping(hub, trickle.url)
        wait_given_up(suite, trickle.url, "timeout")
        assert trickle.sent > 0


def test_content_may_be_as_large_as_the_bound(hub, page, endpoint):
    text = "x" * (MAX_BYTES - len(planted.payload("")))
    body = change(hub, page, text)
    assert len(body) == MAX_BYTES
    endpoint.wait_bodies([body])


@pytest.mark.parametrize("kind", ["a byte more", "endless", "bomb"])
def test_content_that_is_too_large_is_given_up(suite, hub, page, kind):
    if kind == "a byte more":
        page.body = b"x" * (MAX_BYTES + 1)
    elif kind == "bomb":
        page.body, page.packed = b"\0" * (64 << 20), True
        page.prepare()  # the server must not be the slow one
    else:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
        page.behave(no_http(head + b"endless " * (4 << 20)))
    ping(hub, page.url)
    wait_given_up(suite, page.url, "too_large")
    assert len(page.fetches()) == 1


def test_what_cannot_be_unpacked_is_no_content(suite, hub, page):
    page.behave(answer(200, b"this is not gzip", {"Content-Encoding": "gzip"}))
    ping(hub, page.url)
    wait_given_up(suite, page.url, "broken_connection")


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

"""Light pings: what is asked for, what is fetched, and what of it is distributed.

When that goes wrong: test_light_ping_trouble.py."""

import itertools
import threading
import time
from urllib.parse import quote, urlencode

import pytest

from harness import planted
from harness.behaviours import answer, first, hold
from harness.hub_client import FORM
from harness.metrics import metric
from harness.pinging import change, ping, pinged_suite, wait_fetched, wait_given_up, wait_unchanged
from harness.settle import subscribe
from harness.site import ATOM, HTML, TEXT, Page
from harness.topics import new_topic
from harness.wait import wait_for

PREFIX = "ping-"


@pytest.fixture(scope="module")
def suite(kafka, tmp_path_factory):
    with pinged_suite(kafka.bootstrap, tmp_path_factory.mktemp("ping"), PREFIX) as suite:
        # Nothing hangs here for ever, and what is held is to be waited for.
        suite["dispatcher-0"].env["WEBSUB_FETCH_TIMEOUT"] = "60s"
        yield suite.start()


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
    return [r for r in kafka_view.records(f"{PREFIX}events", key) if r.json["type"] == "topic.pinged"]


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


def test_what_has_not_changed_is_not_distributed_again(suite, hub, page, endpoint):
    expected = [change(hub, page)]
    endpoint.wait_bodies(expected)
    for count, forget in ((1, lambda: None), (2, page.touch)):
        forget()
        ping(hub, page.url)
        wait_unchanged(suite, page.url, count)
    # The first was asked for with the ETag (304), the second came under another one.
    assert [fetch.status for fetch in page.fetches()] == [200, 304, 200]
    expected.append(change(hub, page, "third"))
    endpoint.wait_bodies(expected)


def test_a_date_tells_as_well_whether_it_has_changed(suite, hub, page, endpoint):
    page.validators = "date"
    endpoint.wait_bodies([change(hub, page)])
    ping(hub, page.url)
    wait_unchanged(suite, page.url)
    assert [fetch.status for fetch in page.fetches()] == [200, 304]


def test_without_validators_the_content_tells(suite, hub, page, endpoint):
    page.validators = ""
    endpoint.wait_bodies([change(hub, page)])
    ping(hub, page.url)
    wait_unchanged(suite, page.url)
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


def test_a_storm_of_pings_costs_few_fetches_and_little_state(suite, hub, page, endpoint, kafka_view):
    numbers = itertools.count(1)
    clients = [suite.hub() for _ in range(8)]
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
    states = kafka_view.records(f"{PREFIX}state", f"topic:{page.url}")
    # Registered; and pinged, fetching, pinged again, fetched for each fetch.
    assert len(states) <= 1 + 4 * (len(page.fetches()) + 1)


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
    fat = planted.payload("fat")
    hub.publish(page.url, fat).check_accepted()
    endpoint.wait_bodies([page.body, fat])
    assert endpoint.deliveries()[1].links()["self"] == [page.url]


# --- what can be seen of it ---


def test_metrics_count_what_became_of_fetches(suite, hub, page, endpoint):
    def count(outcome: str) -> float:
        name = f'websub_dispatcher_fetches_total{{outcome="{outcome}"}}'
        return metric(suite["dispatcher-0"], name)

    before = {outcome: count(outcome) for outcome in ("distributed", "unchanged", "given_up", "failed")}
    page.behave(first(1, answer(500), page.answer))
    endpoint.wait_bodies([change(hub, page)])
    ping(hub, page.url)
    wait_unchanged(suite, page.url)
    page.behave(answer(404))
    ping(hub, page.url)
    wait_given_up(suite, page.url, "status_4xx")
    # What is logged is counted a moment later.
    wait_for(lambda: all(count(outcome) >= value + 1 for outcome, value in before.items()), "all are counted")


def test_the_state_remembers_what_was_fetched(hub, page, endpoint, kafka_view):
    endpoint.wait_bodies([change(hub, page)])
    key = f"topic:{page.url}"

    def settled():
        state = kafka_view.last_value(f"{PREFIX}state", key)
        return state if "pinged" not in state else None

    state = wait_for(settled, "the ping settled")
    assert state["fetched"]["etag"] == page.etag and state["fetched"]["url"] == page.url

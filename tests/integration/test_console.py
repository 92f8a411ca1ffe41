"""The operators' console, clicked through: who sees what, who is behind, what did they miss, and why."""

import json

import pytest

from harness import planted
from harness.behaviours import answer
from harness.console import DIALOG, Console, Watched
from harness.console_fixtures import KEY
from harness.hub_client import FORM
from harness.topics import new_topic
from harness.users import PASSWORD, basic
from harness.wait import wait_for

HACKED = "window.hacked = true"


# --- who ---


def test_without_authentication_it_just_works(console, suite):
    console.open(suite)
    console.wait_text("Overview", "Dispatchers", "Consumers of Kafka")
    assert "Sign out" not in console.text(".bar")


def test_signing_in_and_out(guarded, console, expected_complaints):
    expected_complaints.append("401 (Unauthorized)")
    console.open(guarded, "#/topics")
    console.wait_text("Sign in")
    console.enter("root", "wrong")
    console.wait_text("Not accepted")
    assert console.script("return sessionStorage.length") == 0
    console.enter("root", PASSWORD)
    console.wait_text("Topics")
    assert "root" in console.text(".bar")
    kept = console.script("return [JSON.stringify(localStorage), document.cookie, location.href].join(' ')")
    assert basic("root")["Authorization"].split()[1] not in kept and PASSWORD not in kept
    console.driver.refresh()
    console.wait_text("Topics")
    console.click("Sign out")
    console.wait_text("Sign in")
    assert console.script("return sessionStorage.length") == 0


def test_signing_in_with_a_token(guarded, console, expected_complaints):
    expected_complaints.append("401 (Unauthorized)")
    console.open(guarded)
    console.wait_text("Sign in")
    console.choose("token")
    console.fill("token", "no.such.token")
    console.click("Sign in", "form")
    console.wait_text("Not accepted")
    console.choose("token")
    console.fill("token", KEY.sign({"sub": "mary", "exp": 4102444800, "roles": ["websub-operator"]}))
    console.click("Sign in", "form")
    console.wait_text("Overview", "Dispatchers")


def test_others_see_what_is_their_own(guarded, console, feed, expected_complaints):
    expected_complaints += ["401 (Unauthorized)", "403 (Forbidden)"]
    console.sign_in(guarded, "bank")
    console.wait_text("Your subscriptions", feed.topic)
    assert "Overview" not in console.text(".bar") and "Topics" not in console.text(".bar")
    console.click(feed.topic)
    console.wait_text("Up to date", "Nothing is missed")
    assert not console.texts(".actions")


# --- what is behind, and why ---


def test_a_failing_subscriber_is_found_understood_and_put_right(root, feed, downloads):
    missed = feed.fail("first", "second", "third")
    root.go("#/")
    root.wait_text("Furthest behind", feed.endpoint.url, "3 messages", "HTTP 500, a server error")
    root.click(feed.topic)
    root.wait_text("Failing", "3 messages wait", "HTTP 500", "The service fails", "Next attempt")
    shown = root.wait_text("first", "second", "third", selector=".table")
    assert shown.index("first") < shown.index("second") < shown.index("third")

    root.click("Attempts", ".tabs")
    root.wait_text("Delivery failed: HTTP 500", "closed <b>for inventory</b>", selector=".timeline")

    root.driver.back()
    root.wait_text("Download as NDJSON")
    root.click("Download as NDJSON")
    root.wait_text("Saved 3 messages.")
    (saved,) = wait_for(lambda: list(downloads.glob("*.ndjson")), "the file")
    bodies = [json.loads(line)["body"]["data"].encode() for line in saved.read_text().splitlines()]
    assert bodies == missed

    root.click("Try again now", ".actions")  # which is offered only as long as it fails
    root.wait_text("sent at once", selector=DIALOG)
    feed.endpoint.on_delivery = answer(200)
    root.confirm("Try now")
    root.wait_text("Up to date.", "Nothing is missed")
    feed.endpoint.wait_bodies(missed)
    root.wait_text("up to date", selector=".figures")


def test_a_message_is_looked_into(root, feed):
    feed.endpoint.on_delivery = answer(503)
    number = 12345678901234567890
    json_body = b'{"mark": "%s", "number": %d}' % (planted.payload(), number)
    for body, content_type in (
        (json_body, "application/json"),
        (b"\xff\x00\xfe", "application/octet-stream"),
    ):
        feed.hub.publish(feed.topic, body, content_type).check_accepted()
    root.go(feed.view)
    root.wait_text("application/octet-stream", selector=".table")
    root.click("Look into message")
    root.wait_text("application/json", f'"number": {number}\n}}', selector=DIALOG)
    root.click("Text", DIALOG)
    root.wait_text(json_body.decode(), selector=".body-text")
    root.click("Next", DIALOG)
    root.wait_text("00000000  ff 00 fe", selector=".body-text")
    root.click("Base64", DIALOG)
    root.wait_text("/wD+", selector=".body-text")
    root.click("Close", DIALOG)
    assert not root.texts(DIALOG)


def test_lists_are_searched_and_paged(guarded, root, feed, subscriber):
    for _ in range(2):
        Watched.new(feed.hub, subscriber, feed.topic)
    root.go("#/subscriptions")
    root.fill("topic", feed.topic)
    wait_for(lambda: len(root.texts("tbody tr")) == 3, "all three")
    root.fill("callback_host", "elsewhere.example")
    root.wait_text("No subscription matches these filters")
    root.click("Clear filters")
    feed.fail("behind")
    root.fill("min_lag_messages", "1")
    root.wait_text(feed.endpoint.url)
    root.go("#/topics")
    root.wait_text("Topics", selector="main h1")  # or it would be the other view's field
    root.fill("topic", feed.topic)
    root.wait_text(feed.topic, selector=".table")
    root.click(feed.topic)
    wait_for(lambda: len(root.texts("tbody tr")) == 3, "its subscriptions")
    root.driver.back()
    root.wait_text("Topic contains")
    root.go("#/nowhere")
    root.wait_text("There is no such view")


def test_problems_are_told_where_they_belong(root, feed, expected_complaints):
    expected_complaints += ["400 (Bad Request)", "404 (Not Found)"]
    root.go("#/subscriptions?min_lag_messages=many")
    root.wait_text("must be an integer", selector=".field.is-wrong")
    root.go(f"#/subscriptions/{'0' * 32}")
    root.wait_text("There is no subscription with this id")


JSON = [
    '{"a": [], "b": {}, "c": "\\"},{[:", "d": -1.50e+05, "d": 1e400}',
    '[[1, [true, false, null]], "\u00e4\\u0000", {"": {"": []}}]',
    " 12345678901234567890 ",
]


@pytest.mark.parametrize("text", JSON)
def test_json_is_laid_out_without_being_changed(console, suite, text):
    console.open(suite)
    laid_out = console.driver.execute_async_script(
        """const [text, done] = arguments;
        import('./body.js').then(({ layOut }) => done(layOut(text).map(piece => piece.text).join('')))""",
        text,
    )
    kept = {"parse_float": str, "parse_int": str, "object_pairs_hook": list}
    assert json.loads(laid_out, **kept) == json.loads(text, **kept)


@pytest.mark.parametrize(
    "header, schemes",
    [
        ('Basic realm="websub", charset="UTF-8"', ["basic"]),
        ('Bearer realm="basic, bearer", error="invalid_token", error_description="x, Basic y"', ["bearer"]),
        ('basic realm="a\\"b", Bearer realm="c"', ["basic", "bearer"]),
        (None, []),
    ],
)
def test_what_the_hub_asks_for_is_understood(console, suite, header, schemes):
    console.open(suite)
    found = console.driver.execute_async_script(
        "const [header, done] = arguments; import('./api.js').then(api => done(api.schemesOf(header)))",
        header,
    )
    assert found == schemes


def test_a_hub_that_is_away_for_a_while(burying, console, subscriber, expected_complaints):
    """It says so, and can be asked to try again."""
    expected_complaints.append("net::ERR_")
    feed = Watched.new(burying.hub(), subscriber)
    console.open(burying, "#/topics")
    console.wait_text(feed.topic)
    console.click("Pause updates")  # or it may go on by itself before it is told to
    burying.kill("hub-0")
    console.go("#/subscriptions")
    console.wait_text("The hub cannot be reached.")
    burying.start("hub-0")
    console.click("Try again")
    console.wait_text(feed.topic, feed.endpoint.url)
    console.wait_without("The hub cannot be reached.")


# --- strangers ---


def test_what_strangers_chose_is_only_text(root, guarded, subscriber):
    """Topics, callbacks, bodies and answers that would like to be markup or scripts."""
    markup = f'<img src=x onerror="{HACKED}">'
    topics = [f"{new_topic()}{markup}", f"javascript:{HACKED};//{new_topic()}"]
    hub = guarded.hub(headers=basic("bank"))
    feeds = [
        Watched.new(hub, subscriber, topic, query=f"q=javascript:{HACKED.replace(' ', '')}")
        for topic in topics
    ]
    for feed in feeds:
        feed.endpoint.on_delivery = answer(500, body=f"<script>{HACKED}</script>".encode())
        feed.publish(f"{markup}<script>{HACKED}</script>", content_type="text/html")
        feed.publish(f"{markup}", content_type=f"{FORM}; x={markup.replace(' ', '')}")
        feed.endpoint.wait_attempts(2)
    for feed, topic in zip(feeds, topics):
        for view in (
            "#/",
            "#/topics",
            "#/subscriptions",
            f"{feed.view}/details",
            f"{feed.view}/attempts",
            feed.view,
        ):
            root.go(view)
            root.wait_text(topic)
            assert_harmless(root)
        root.wait_text(markup, selector=".table")
        root.click("Look into message")
        root.wait_text(f"<script>{HACKED}</script>", "text/html", selector=DIALOG)
        assert_harmless(root)
        root.go(f"{feed.view}/attempts")
        root.wait_text(f"<script>{HACKED}</script>", selector=".timeline")
        assert_harmless(root)


def assert_harmless(console: Console) -> None:
    assert console.script("return window.hacked") is None
    strange = console.script(
        """return [...document.querySelectorAll('main img, main script, main iframe, main [onerror]')]
            .concat([...document.querySelectorAll('a')].filter(one => !one.href.startsWith(location.origin)))
            .map(one => one.outerHTML)"""
    )
    assert strange == []

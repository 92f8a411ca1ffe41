"""The console's views in both themes and on a phone: screenshots for people (they lie in
build/tests/results/screenshots/), and axe-core for those who do not see them well, or use no mouse."""

import json

import pytest

from harness import planted
from harness.behaviours import answer
from harness.browser import DESKTOP, NARROW
from harness.console import DIALOG, SETTINGS, Console, Watched
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import UsersFile, basic
from harness.wait import wait_for

LOOKS = {"light": ("light", DESKTOP), "dark": ("dark", DESKTOP), "narrow": ("light", NARROW)}


@pytest.fixture(scope="module")
def looked_at(kafka, tmp_path_factory):
    directory = tmp_path_factory.mktemp("looks")
    users = UsersFile(directory / "users", {"root": "websub-operator"})
    settings = SETTINGS | users.settings() | {"WEBSUB_RETRY_MAX_INTERVAL": "10m"}
    with Suite(kafka.bootstrap, directory, "looks-", settings=settings) as suite:
        yield suite.start()


@pytest.fixture(scope="module")
def hub(looked_at):
    hub = looked_at.hub(headers=basic("root"))
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def failing(hub, subscriber_server):
    """One that fails, among some in other conditions."""
    for number in range(4):
        hub.register(new_topic(f"district-{number}")).check_accepted()
    well = Watched.new(hub, subscriber_server)
    paused = Watched.new(hub, subscriber_server, well.topic)
    pause = json.dumps({"reason": "moves house until noon"}).encode()
    hub.request("POST", f"/api/v1/subscriptions/{paused.id}/pause", pause)
    failing = Watched.new(hub, subscriber_server)
    failing.endpoint.on_delivery = answer(500, body=b"<h1>Out of order</h1>")
    for number in range(12):
        body = {
            "id": f"urn:birth:{number}",
            "mark": planted.MARK,
            "registered": True,
            "district": {"code": number},
        }
        hub.publish(failing.topic, json.dumps(body).encode(), "application/json").check_accepted()
    hub.publish(failing.topic, b"\x89PNG\r\n\x1a\n", "image/png").check_accepted()
    failing.endpoint.wait_attempts(3)
    yield failing
    subscriber_server.retire()


@pytest.fixture(scope="module")
def console(looked_at, failing, tmp_path_factory):
    console = Console(tmp_path_factory.mktemp("downloads"))
    console.sign_in(looked_at, "root")
    console.complaints()  # 401 before the sign-in
    yield console
    console.close()


def press(*names: str):
    return lambda console: [console.click(name) for name in names]


# name: (view, what is to be read there, what is done first)
VIEWS = {
    "overview": ("#/", ("Furthest behind", "HTTP 500", "Alive"), None),
    "topics": ("#/topics", ("district-3",), None),
    "subscriptions": ("#/subscriptions", ("13 messages", "Paused", "up to date"), None),
    "nothing-found": ("#/subscriptions?topic=nowhere", ("No subscription matches",), None),
    "subscription": ("{view}", ("Failing", "urn:birth:11"), None),
    "message": ("{view}", ("application/json",), press("Look into message")),
    "dead-letters": ("{view}/messages?source=dead-letters", ("No dead letters",), None),
    "attempts": ("{view}/attempts", ("Delivery failed", "<h1>Out of order</h1>"), None),
    "details": ("{view}/details", ("Lease ends",), None),
    "skip": ("{view}", ("Failing",), press("Skip…")),
    "delete": ("{view}", ("Failing",), press("Delete…")),
}


@pytest.mark.parametrize("look", LOOKS)
def test_views_can_be_looked_at_by_everybody(console, failing, look):
    console.look(*LOOKS[look])
    for name, (view, expected, act) in VIEWS.items():
        console.go(view.format(view=failing.view))
        console.wait_text(*expected)
        if act:
            act(console)
        console.check_accessible(f"{name}, {look}")
        console.screenshot(f"{name}-{look}")
        if act:
            console.click("Close", DIALOG)
    assert console.complaints() == []


def test_the_theme_can_be_chosen(console):
    console.look("dark")
    console.go("#/topics")
    console.wait_text("district-3")
    grounds = {}
    for theme in ("light", "dark", "system"):
        console.script(
            """const select = document.querySelector('.theme-choice select');
            select.value = arguments[0];
            select.dispatchEvent(new Event('change', { bubbles: true }))""",
            theme,
        )
        grounds[theme] = console.script("return getComputedStyle(document.body).backgroundColor")
    assert grounds["light"] != grounds["dark"] == grounds["system"]


def test_the_keyboard_is_enough(console, failing):
    """From the heading, which has the focus, to the actions; a dialog gives the focus back."""
    console.look()
    console.go("#/topics")
    console.wait_text("district-3")
    console.go(failing.view)
    console.wait_text("Failing")
    focused = "return document.activeElement.innerText"
    # A view takes the focus once it has been painted.
    wait_for(lambda: console.script(focused) == failing.topic, "the heading to have the focus")
    while console.script(focused) != "Pause…":
        console.press("TAB")
        assert console.script("return document.activeElement !== document.body"), "Pause… is not reached"
    outline = console.script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    console.press("ENTER")
    console.wait_text("Pause deliveries", selector=DIALOG)
    console.press("ESCAPE")
    wait_for(lambda: not console.texts(DIALOG), "the dialog to be gone")
    wait_for(lambda: console.script(focused) == "Pause…", "the focus to be back")


def test_signing_in_can_be_looked_at_by_everybody(console, looked_at):
    console.open(looked_at)
    for look, (theme, size) in LOOKS.items():
        console.look(theme, size)
        console.wait_text("Sign in", "Password")
        console.check_accessible(f"sign-in, {look}")
        console.screenshot(f"sign-in-{look}")

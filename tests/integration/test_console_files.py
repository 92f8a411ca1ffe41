"""The console's files, as the hub serves them: the same for everybody, kept by browsers, safe to open."""

import re

import pytest

from harness.hub_client import Answer, HubClient
from harness.paths import REPOSITORY
from harness.program import Program
from harness.suite import Suite

FOLDER = REPOSITORY / "hub" / "console"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
FILES = sorted(str(p.relative_to(FOLDER)) for p in FOLDER.rglob("*") if p.suffix in TYPES)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def get(hub: HubClient, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
    return hub.request(method, f"/console/{path}", None, headers)


def test_every_file_is_served_as_it_is(hub):
    for name in FILES:
        answer = get(hub, name)
        assert answer.status == 200, name
        assert answer.body == (FOLDER / name).read_bytes(), name
        assert answer.header("Content-Type") == TYPES[f".{name.rpartition('.')[2]}"], name
        assert answer.header("Content-Security-Policy") == POLICY
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Cache-Control") == "no-cache"


def test_the_page_is_at_the_folder(hub):
    page = get(hub, "")
    assert page.body == get(hub, "index.html").body == (FOLDER / "index.html").read_bytes()
    assert page.header("X-Frame-Options") == "DENY"
    assert page.header("Referrer-Policy") == "no-referrer"
    assert page.header("Cross-Origin-Opener-Policy") == "same-origin"
    assert get(hub, "?a=b").body == page.body


def test_the_page_needs_nothing_from_elsewhere():
    """No script or style in the page itself, no address of another host in anything but comments."""
    page = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for name in FILES:
        if name.startswith("vendor/"):
            continue
        text = re.sub(r'xmlns="[^"]*"', "", (FOLDER / name).read_text())
        assert not re.search(r"https?://|innerHTML|eval\(", text), name


def test_without_the_slash_it_leads_there(hub):
    answer = hub.request("GET", "/console")
    assert (answer.status, answer.header("Location")) == (308, "console/")


def test_what_is_known_is_not_sent_again(hub):
    etag = get(hub, "main.js").header("ETag")
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = get(hub, "main.js", {"If-None-Match": known})
        assert (answer.status, answer.body) == (304, b""), known
        assert (answer.header("ETag"), answer.header("Cache-Control")) == (etag, "no-cache")
    changed = get(hub, "main.js", {"If-None-Match": '"0123"'})
    assert changed.status == 200 and changed.body
    assert len({get(hub, name).header("ETag") for name in FILES}) == len(FILES)


def test_head_tells_the_same_without_the_file(hub):
    there, head = get(hub, "app.js"), get(hub, "app.js", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.header("ETag") == there.header("ETag")
    assert head.header("Content-Length") == str(len(there.body))


@pytest.mark.parametrize(
    "path",
    ["nothing", "style", "style/", "../hub", "vendor/README.md", "index.html/", "%69ndex.html", "/main.js"],
)
def test_nothing_else_is_below_it(hub, path):
    answer = get(hub, path)
    assert answer.status == 404 and b"html" not in answer.body
    assert hub.request("GET", "/consolex").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_are_only_read(hub, method):
    answer = get(hub, "", method=method)
    assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD")


def test_it_can_be_left_out(suite: Suite, tmp_path):
    settings = suite.settings | {"WEBSUB_HUB_CONSOLE": "false"}
    hub = Program("hub", 9, settings, tmp_path)
    hub.start()
    try:
        hub.wait_ready()
        assert HubClient(hub.port).request("GET", "/console/").status == 404
        hub.terminate()
    finally:
        hub.kill()

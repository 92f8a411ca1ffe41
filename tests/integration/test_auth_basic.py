"""auth.mode "basic": names and passwords of a file, that may change while the hub runs."""

import base64
import threading

import pytest

from harness import planted
from harness.hub_client import HubClient, send_raw
from harness.metrics import metric
from harness.program import run_to_end
from harness.suite import Suite
from harness.topics import new_topic, register_topic
from harness.users import PASSWORD, UsersFile, basic, sha512_hash
from harness.wait import wait_for

# Of "planted-never-log-this-password", made by mkpasswd -m METHOD and htpasswd -nbB.
HASHES = {
    "yescrypt": "$y$j75$.zlRiVL1nN0QDpzN8VrVC.$WQtk44RnLQVTwY8UCXoyRgmTLbyp5u8ad.OKM3m3bJA",
    "bcrypt": "$2y$04$IU7c4tpcrthtagN7nKu7YuL1ScT/pl.OOLukEomoMYUASWHfKv/Am",
}


@pytest.fixture(scope="module")
def users(tmp_path_factory) -> UsersFile:
    return UsersFile(tmp_path_factory.mktemp("users") / "users", {"alice": "", "bob": "reader"})


@pytest.fixture(scope="module")
def basic_suite(kafka, users, tmp_path_factory):
    settings = users.settings() | {"WEBSUB_AUTH_CACHE_TIME": "1h"}
    directory = tmp_path_factory.mktemp("basic")
    with Suite(kafka.bootstrap, directory, "basic-", dispatchers=0, settings=settings) as suite:
        yield suite.start()


def times_read(suite) -> int:
    return len(suite["hub-0"].events("auth.users_read"))


@pytest.fixture
def original_users(basic_suite, users):
    """For tests that change the file: it is as it was afterwards."""
    text = users.path.read_text()
    yield users
    before = times_read(basic_suite)
    users.replace(text)
    wait_for(lambda: times_read(basic_suite) > before, "the file is read again")


def check_unauthorized(answer) -> None:
    answer.check_denied(401)
    assert answer.header("WWW-Authenticate") == 'Basic realm="websub", charset="UTF-8"'
    assert planted.MARK not in str(answer)


def test_right_password_is_let_in(basic_suite):
    hub = basic_suite.hub(headers=basic("alice"))
    topic = new_topic()
    hub.register(topic).check_accepted()
    hub.publish(topic, planted.payload()).check_accepted()


def test_scheme_is_not_case_sensitive(basic_suite):
    header = basic("bob")["Authorization"].replace("Basic", "bASIC")
    basic_suite.hub(headers={"Authorization": header}).register(new_topic()).check_accepted()


def test_repeated_password_is_taken_from_the_cache(basic_suite):
    """Else each message would cost a hash."""
    hub = basic_suite.hub(headers=basic("alice"))
    hub.register(new_topic()).check_accepted()
    name = 'websub_hub_authentications_total{outcome="cached"}'
    before = metric(basic_suite["hub-0"], name)
    for _ in range(5):
        hub.register(new_topic()).check_accepted()
    assert metric(basic_suite["hub-0"], name) >= before + 5


WRONG = {
    "no credentials": {},
    "wrong password": basic("alice", planted.secret("wrong")),
    "empty password": basic("alice", ""),
    "unknown user": basic("nobody"),
    "empty name": basic(""),
    "other case": basic("Alice"),
    "another scheme": {"Authorization": f"Digest username={PASSWORD}"},
    "a token": {"Authorization": f"Bearer {PASSWORD}"},
    "a cookie": {"Cookie": f"Authorization={PASSWORD}"},
    "nothing": {"Authorization": "Basic"},
    "garbage": {"Authorization": "Basic !!!"},
    "not base64": {"Authorization": "Basic abc"},
    "url-safe base64": {"Authorization": "Basic -_-_"},
    "no colon": {"Authorization": "Basic " + base64.b64encode(PASSWORD.encode()).decode()},
    "plain text": {"Authorization": f"Basic alice:{PASSWORD}"},
    "NUL": {"Authorization": "Basic " + base64.b64encode(f"alice:{PASSWORD}\0".encode()).decode()},
    "no UTF-8": {"Authorization": "Basic " + base64.b64encode(b"alice:\xff").decode()},
    "long": basic("alice", "x" * 5000),
    "too long": basic("alice", "x" * 9000),
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG.keys())
def test_anything_else_is_not(basic_suite, headers):
    check_unauthorized(basic_suite.hub(headers=headers).register(new_topic()))


def test_huge_header_is_refused_by_the_server(basic_suite):
    huge = "A" * 100_000
    request = f"POST /hub HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {huge}\r\nContent-Length: 0\r\n\r\n"
    answer = send_raw(basic_suite["hub-0"].port, request.encode())
    assert answer is None or answer.status in (400, 413, 431)
    basic_suite.hub(headers=basic("alice")).register(new_topic()).check_accepted()


def test_unknown_user_and_wrong_password_are_told_alike(basic_suite):
    answers = [
        basic_suite.hub(headers=basic(name, planted.secret("wrong"))).register(new_topic())
        for name in ("alice", "nobody")
    ]
    assert answers[0].body == answers[1].body


def test_health_and_metrics_need_no_password(basic_suite):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert basic_suite["hub-0"].get(path).status == 200


def status(suite, name: str) -> int:
    return suite.hub(headers=basic(name)).register(new_topic()).status


def test_changed_file_takes_effect(basic_suite, original_users):
    """For those whom the cache knows, too."""
    assert (status(basic_suite, "alice"), status(basic_suite, "carol")) == (200, 401)
    original_users.write({"carol": "", "bob": ""})
    wait_for(lambda: status(basic_suite, "carol") == 200, "carol is let in")
    assert status(basic_suite, "alice") == 401
    assert status(basic_suite, "bob") == 200


def kept(suite) -> int:
    return len(suite["hub-0"].events("auth.users_kept"))


BAD_FILES = {
    "weak hash": "alice:$1$5TAFJfKW$1oF4D2AAYTCkuUcqfuy4Y/:\n",
    "plain password": f"alice:{PASSWORD}:\n",
    "half a line": "alice",
}


@pytest.mark.parametrize("text", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_file_keeps_the_old_users(basic_suite, original_users, text):
    before = kept(basic_suite)
    original_users.replace(text)
    wait_for(lambda: kept(basic_suite) == before + 1, "a warning about the file")
    assert "line 1" in basic_suite["hub-0"].events("auth.users_kept")[-1]["reason"]
    assert (status(basic_suite, "alice"), status(basic_suite, "nobody")) == (200, 401)


def test_missing_file_keeps_the_old_users(basic_suite, original_users):
    before = kept(basic_suite)
    original_users.path.unlink()
    wait_for(lambda: kept(basic_suite) == before + 1, "a warning about the file")
    assert status(basic_suite, "bob") == 200


@pytest.mark.parametrize("text", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_file_stops_the_start(tmp_path, text):
    file = tmp_path / "users"
    file.write_text("# comment\n\n" + text)
    settings = {"WEBSUB_AUTH_MODE": "basic", "WEBSUB_AUTH_BASIC_USERS_FILE": str(file)}
    done = run_to_end("hub", settings=settings)
    assert done.returncode not in (0, 99)
    assert f"{file}: line 3: " in done.stderr
    assert planted.MARK not in done.stderr and "5TAFJfKW" not in done.stderr


def test_file_that_is_not_there_stops_the_start(tmp_path):
    settings = {"WEBSUB_AUTH_MODE": "basic", "WEBSUB_AUTH_BASIC_USERS_FILE": str(tmp_path / "none")}
    done = run_to_end("hub", settings=settings)
    assert done.returncode not in (0, 99)
    assert str(tmp_path / "none") in done.stderr
    done = run_to_end("hub", settings={"WEBSUB_AUTH_MODE": "basic"})
    assert done.returncode == 2 and "auth.basic_users_file" in done.stderr


@pytest.mark.parametrize("method", ["yescrypt", "bcrypt", "SHA-512"])
def test_methods_of_hashes(basic_suite, original_users, method):
    """The others are in tests/unit/test_users.c."""
    line = f"dave:{HASHES.get(method) or sha512_hash()}:\n"
    original_users.write({"alice": ""}, extra=line)
    wait_for(lambda: status(basic_suite, "dave") == 200, "dave is let in")
    check_unauthorized(basic_suite.hub(headers=basic("dave", "x")).register(new_topic()))


def test_many_wrong_passwords_do_not_hold_up_those_who_are_known(basic_suite):
    """They are told no, or to come back when too many wait; each waits for the worker, nobody else does."""
    good = basic_suite.hub(headers=basic("alice"))
    good.register(new_topic()).check_accepted()
    port, stop, statuses = basic_suite["hub-0"].port, threading.Event(), []

    def guess(number: int) -> None:
        attempt = 0
        while not stop.is_set():
            attempt += 1
            headers = basic("alice", planted.secret(f"guess-{number}-{attempt}"))
            client = HubClient(port, headers)
            answer = client.register(new_topic())
            client.close()
            if answer.status == 503:
                assert answer.header("Retry-After")
            statuses.append(answer.status)

    threads = [threading.Thread(target=guess, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: len(statuses) >= 8, "wrong passwords are under way")
        for _ in range(50):
            good.register(new_topic()).check_accepted()
        assert basic_suite["hub-0"].get("/healthz").status == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert set(statuses) <= {401, 503}


def test_same_password_on_many_connections_at_once(basic_suite, original_users):
    """Nobody is turned away because the cache was just cleared."""
    topic = register_topic(basic_suite.hub(headers=basic("alice")))
    before = times_read(basic_suite)
    original_users.write({"alice": "", "bob": "", "erin": ""})
    wait_for(lambda: times_read(basic_suite) > before, "the file is read again")
    statuses = []

    def ask() -> None:
        # New topics would be made one after the other, and too many be refused for that.
        erin = basic_suite.hub(headers=basic("erin"))
        statuses.append(erin.publish(topic, planted.payload()).status)
        erin.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 80

"""Options and configuration: what is wrong is said with file and line (or variable) and what was expected."""

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from harness.program import KINDS, Program, run_to_end
from harness.suite import Suite

GOOD_SETTINGS = {"WEBSUB_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092", "WEBSUB_AUTH_MODE": "none"}


def settings_of(program: Program) -> dict[str, str]:
    return {name: value for name, value in program.env.items() if name.startswith("WEBSUB_")}


@pytest.mark.parametrize("kind", KINDS)
def test_version_is_one_line(kind):
    done = run_to_end(kind, "--version")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert f"websub-{kind}" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_print_config_gives_a_file_that_check_config_accepts(kind, tmp_path):
    printed = run_to_end(kind, "--print-config")
    assert printed.returncode == 0
    for key in ("bootstrap_servers", "public_url", "lease_seconds_default", "max_interval"):
        assert key in printed.stdout
    file = tmp_path / "websub.conf"
    file.write_text(printed.stdout)
    checked = run_to_end(kind, "-c", str(file), "--check-config")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_option_is_an_error(kind):
    done = run_to_end(kind, "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr


# Contents of a file (the mistake in line 2), and what the message must name.
BAD_FILES = {
    "unknown section": ("\nkaffka: { };", "kaffka"),
    "unknown key": ("hub: {\n  prot = 1; };", "prot"),
    "wrong type": ("hub: {\n  port = \"many\"; };", "port"),
    "out of bounds": ("hub: {\n  port = 70000; };", "port"),
    "bad duration": ("retry: {\n  max_interval = \"10 parsecs\"; };", "max_interval"),
    "bad choice": ("auth: {\n  mode = \"nonee\"; };", "none"),
    "bad network": ("security: {\n  allowed_callback_networks = [\"127.0.0.0/99\"]; };", "127.0.0.0/99"),
    "syntax error": ("hub: {\n  port = = 1; };", "syntax"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text, named", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_mistake_in_the_file_is_named_with_its_line(kind, tmp_path, text, named):
    """Both with --check-config and at a real start, which must not begin with it."""
    file = tmp_path / "websub.conf"
    file.write_text(text)
    for arguments in (["--check-config"], []):
        done = run_to_end(kind, "-c", str(file), *arguments, settings=GOOD_SETTINGS)
        assert done.returncode == 2, done.stderr
        assert f"{file}:2" in done.stderr, done.stderr
        assert named in done.stderr, done.stderr


BAD_SETTINGS = {
    "WEBSUB_HUB_PROT": "1",
    "WEBSUB_HUB_PORT": "many",
    "WEBSUB_RETRY_MAX_INTERVAL": "-1s",
    "WEBSUB_HUB_AUTO_REGISTER": "perhaps",
    "WEBSUB_HUB_PUBLIC_URL": "no URL",
    "WEBSUB_LOG_LEVEL": "loud",
    "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": "loopback",
}


@pytest.mark.parametrize("name, value", BAD_SETTINGS.items(), ids=BAD_SETTINGS.keys())
def test_mistake_in_the_environment_names_the_variable(name, value):
    done = run_to_end("hub", "--check-config", settings=GOOD_SETTINGS | {name: value})
    assert done.returncode == 2, done.stderr
    assert name in done.stderr, done.stderr


def test_lease_bounds_that_contradict_each_other_are_an_error():
    settings = {"WEBSUB_HUB_LEASE_SECONDS_MIN": "100", "WEBSUB_HUB_LEASE_SECONDS_MAX": "10"}
    done = run_to_end("hub", "--check-config", settings=GOOD_SETTINGS | settings)
    assert done.returncode == 2
    assert "lease_seconds" in done.stderr.lower()


def test_missing_file_is_an_error(tmp_path):
    done = run_to_end("hub", "-c", str(tmp_path / "none.conf"), settings=GOOD_SETTINGS)
    assert done.returncode == 2
    assert "none.conf" in done.stderr


def test_property_that_librdkafka_rejects_stops_the_start_with_its_message():
    settings = GOOD_SETTINGS | {"WEBSUB_KAFKA_PROPERTIES": "no.such.property=1"}
    done = run_to_end("hub", settings=settings)
    assert done.returncode not in (0, 99)
    assert "no.such.property" in done.stderr


def test_no_authentication_is_refused_on_a_public_address():
    """Unless it is asked for in so many words."""
    settings = GOOD_SETTINGS | {"WEBSUB_HUB_LISTEN_ADDRESS": "0.0.0.0"}
    done = run_to_end("hub", settings=settings)
    assert done.returncode == 2, done.stderr
    assert "allow_insecure" in done.stderr
    allowed = settings | {"WEBSUB_SECURITY_ALLOW_INSECURE": "true"}
    assert run_to_end("hub", "--check-config", settings=allowed).returncode == 0


def test_environment_goes_before_the_file(tmp_path):
    """A good value in the environment does not excuse a bad one in the file, but overrides a good one."""
    file = tmp_path / "websub.conf"
    file.write_text('hub: { public_url = "http://file.example/hub"; lease_seconds_max = 10; };')
    overridden = {"WEBSUB_HUB_LEASE_SECONDS_MAX": "864000"}
    done = run_to_end("hub", "-c", str(file), "--check-config", settings=GOOD_SETTINGS | overridden)
    assert done.returncode == 0, done.stderr


def test_state_topic_that_is_not_compacted_is_an_error_that_says_so(kafka, tmp_path):
    """Losing state to retention would be found out too late."""
    admin = AdminClient(kafka.client)
    topics = [NewTopic("uncompacted-state", 8, 1), NewTopic("uncompacted-events", 8, 1)]
    for created in admin.create_topics(topics).values():
        created.result(20)
    with Suite(kafka.bootstrap, tmp_path, "uncompacted-") as suite:
        for program in suite.programs.values():
            done = run_to_end(program.kind, settings=settings_of(program))
            assert done.returncode not in (0, 99), done.stderr
            assert "uncompacted-state" in done.stderr and "compact" in done.stderr


def test_notices_topic_that_is_compacted_is_an_error_that_says_so(kafka, tmp_path):
    """It would keep only the last notice of each subscription."""
    topic = NewTopic("forgetful-notices", 8, 1, config={"cleanup.policy": "compact"})
    admin = AdminClient(kafka.client)  # to be kept until it has answered
    admin.create_topics([topic])["forgetful-notices"].result(20)
    settings = {"WEBSUB_NOTICES_ENABLED": "true"}
    with Suite(kafka.bootstrap, tmp_path, "forgetful-", settings=settings) as suite:
        for program in suite.programs.values():
            done = run_to_end(program.kind, settings=settings_of(program))
            assert done.returncode not in (0, 99), done.stderr
            assert "forgetful-notices" in done.stderr and "compact" in done.stderr


def test_port_in_use_is_an_error_that_names_it(suite):
    """Not a program that runs and is never reached."""
    hub = suite["hub-0"]
    done = run_to_end("hub", settings=settings_of(hub))
    assert done.returncode not in (0, 99)
    assert str(hub.port) in done.stderr

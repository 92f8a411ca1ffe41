"""Kafka over TLS, with passwords, client certificates and ACLs: the main job is done, mistakes are said
clearly, and a password is shown nowhere."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from harness import planted
from harness.behaviours import answer
from harness.certificates import Authority
from harness.hub_client import HubClient
from harness.kafka import KafkaBroker
from harness.kafka_security import MutualTls, Plaintext, SaslSsl, as_items, as_setting
from harness.kafka_view import KafkaView
from harness.migration import Migration
from harness.missed import MissedMessages, utc_now
from harness.notices import NoticeReceiver, Notices
from harness.old_hub import OldHub
from harness.paths import REPOSITORY
from harness.program import KINDS, run_to_end
from harness.settle import subscribe
from harness.site import TEXT, Page
from harness.subscriber import Endpoint, Subscriber
from harness.suite import Suite
from harness.topics import new_topic
from harness.wait import wait_for

STOP_BOUND = 15


@pytest.fixture(scope="module")
def security(tmp_path_factory):
    return SaslSsl(tmp_path_factory.mktemp("security"))


@pytest.fixture(scope="module")
def secure_kafka(security, tmp_path_factory):
    yield from running(KafkaBroker(tmp_path_factory.mktemp("secure-kafka"), security=security))


def running(broker: KafkaBroker):
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def write_properties(path, properties: dict[str, str]) -> None:
    path.write_text("\n".join(["", *as_items(properties), ""]))


def suite_with_file(broker: KafkaBroker, directory, prefix: str) -> Suite:
    """A suite that has its properties from a file, and nothing else."""
    settings = {"WEBSUB_KAFKA_PROPERTIES": f"file:{directory / 'kafka.properties'}"}
    return Suite(broker.bootstrap, directory, prefix, settings=settings, security=Plaintext())


def main_job_works(suite: Suite, subscriber) -> None:
    hub, topic, endpoint = suite.hub(), new_topic("secured"), subscriber.endpoint()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint, planted.secret())
    bodies = [planted.payload(f"{number}") for number in range(20)]
    for body in bodies:
        hub.publish(topic, body).check_accepted()
    endpoint.wait_bodies(bodies)
    hub.close()


def test_main_job_with_the_password_in_a_file(secure_kafka, security, tmp_path, subscriber):
    """Nor is it in the environment of a program then."""
    write_properties(tmp_path / "kafka.properties", security.client())
    with suite_with_file(secure_kafka, tmp_path, "file-") as suite:
        suite.start()
        main_job_works(suite, subscriber)
        for program in suite.programs.values():
            with open(f"/proc/{program.pid}/environ", "rb") as environment:
                assert planted.MARK.encode() not in environment.read()


def test_main_job_with_client_certificates(tmp_path, subscriber):
    security = MutualTls(tmp_path / "security")
    for broker in running(KafkaBroker(tmp_path / "kafka", security=security)):
        with Suite(broker.bootstrap, tmp_path, "mutual-", security=security) as suite:
            suite.start()
            main_job_works(suite, subscriber)


# What a program is told wrong (given what is right), and what its log must say of it.
MISTAKES = {
    "wrong password": (lambda _: {"sasl.password": planted.secret("wrong")}, "Authentication failed"),
    "unknown user": (lambda _: {"sasl.username": "nobody"}, "Authentication failed"),
    "foreign authority": (
        lambda directory: {"ssl.ca.location": str(Authority(directory, "foreign").ca_file)},
        "certificate verify failed",
    ),
    "no TLS": (lambda _: {"security.protocol": "SASL_PLAINTEXT"}, "security.protocol"),
}


@pytest.mark.parametrize("mistake, said", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_said_clearly_and_can_be_mended(
    secure_kafka, security, tmp_path, subscriber, mistake, said
):
    """The programs live, but are not ready; they stop as ever, and work once the properties are right."""
    properties = tmp_path / "kafka.properties"
    write_properties(properties, security.client() | mistake(tmp_path))
    with suite_with_file(secure_kafka, tmp_path, "mended-") as suite:
        suite.start_without_waiting()
        for program in suite.programs.values():
            program.wait_healthy()
            wait_for(
                lambda: any(said in event["reason"] for event in program.events("kafka.waiting")),
                lambda: f"{program.name} says {said!r}{program.tail()}",
            )
            assert program.get("/readyz").status == 503
        suite.hub().register("topic").check_denied(503)
        for program in suite.programs.values():
            program.terminate(STOP_BOUND)
        write_properties(properties, security.client())
        suite.start()
        main_job_works(suite, subscriber)


def test_certificate_for_another_address_is_refused(tmp_path):
    """Of the right authority, but it is somebody else's."""
    security = SaslSsl(tmp_path / "security", address="127.0.0.2")
    for broker in running(KafkaBroker(tmp_path / "kafka", security=security)):
        with Suite(broker.bootstrap, tmp_path, "name-", security=security) as suite:
            suite.start_without_waiting("hub-0")
            hub = suite["hub-0"]
            wait_for(
                lambda: any("certificate" in event["reason"] for event in hub.events("kafka.waiting")),
                lambda: f"the certificate is refused{hub.tail()}",
            )
            assert not hub.answers("/readyz")


def test_librdkafka_that_cannot_do_scram_with_this_kafka_is_warned_of(secure_kafka, security, tmp_path):
    """All that Kafka says is that the credentials are invalid."""
    properties = {"sasl.mechanism": "SCRAM-SHA-512", "debug": "generic"}
    write_properties(tmp_path / "kafka.properties", security.client() | properties)
    with suite_with_file(secure_kafka, tmp_path, "scram-") as suite:
        suite.start_without_waiting("hub-0")
        hub = suite["hub-0"]
        wait_for(lambda: hub.events("kafka.waiting"), lambda: f"the hub waits{hub.tail()}")
        version = int(re.search(r"librdkafka v\S+ \((0x[0-9a-f]+)\)", hub.log())[1], 16)
        assert bool(hub.events("kafka.old_scram")) == (version < 0x020601FF)


# --- what is shown ---


def shows_no_password(done) -> None:
    assert planted.MARK not in done.stdout
    assert planted.MARK not in done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["environment", "file of properties", "configuration file"])
def test_printed_configuration_shows_no_password(security, tmp_path, kind, place):
    settings, arguments = {"WEBSUB_AUTH_MODE": "none"}, []
    if place == "environment":
        settings["WEBSUB_KAFKA_PROPERTIES"] = as_setting(security.client())
    elif place == "file of properties":
        write_properties(tmp_path / "kafka.properties", security.client())
        settings["WEBSUB_KAFKA_PROPERTIES"] = f"file:{tmp_path / 'kafka.properties'}"
    else:
        file = tmp_path / "websub.conf"
        items = ", ".join(f'"{item}"' for item in as_items(security.client()))
        file.write_text(f"kafka: {{ properties = [{items}]; }};")
        arguments = ["-c", str(file)]
    for action in ("--print-config", "--check-config"):
        done = run_to_end(kind, *arguments, action, settings=settings)
        assert done.returncode == 0, done.stderr
        shows_no_password(done)


# Items that stop the start, and what the message must say.
BAD_ITEMS = {
    "no equals sign": (f"sasl.password:{planted.secret()}", "item 2"),
    "no such property": (f"sasl.passwort={planted.secret()}", "sasl.passwort"),
    "key that is none": (f"ssl.key.pem={planted.secret()}", "ssl.key.pem"),
    "missing file": (f"ssl.key.location=/none;ssl.key.password={planted.secret()}", "/none"),
}


@pytest.mark.parametrize("item, said", BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
@pytest.mark.parametrize("in_file", [False, True], ids=["environment", "file"])
def test_bad_property_is_an_error_that_shows_no_password(tmp_path, in_file, item, said):
    value = f"security.protocol=ssl;{item}"
    if in_file:
        (tmp_path / "kafka.properties").write_text(value.replace(";", "\n"))
        value = f"file:{tmp_path / 'kafka.properties'}"
    settings = {"WEBSUB_AUTH_MODE": "none", "WEBSUB_KAFKA_PROPERTIES": value}
    done = run_to_end("hub", settings=settings)
    assert done.returncode not in (0, 99), done.stderr
    assert said in done.stderr
    shows_no_password(done)


def test_missing_file_of_properties_is_an_error_that_names_it(tmp_path):
    value = f"file:{tmp_path / 'none'}"
    done = run_to_end("hub", settings={"WEBSUB_AUTH_MODE": "none", "WEBSUB_KAFKA_PROPERTIES": value})
    assert done.returncode == 2, done.stderr
    assert "WEBSUB_KAFKA_PROPERTIES" in done.stderr
    assert str(tmp_path / "none") in done.stderr


# --- ACLs ---

DOCUMENT = REPOSITORY / "docs" / "kafka-security.md"
PREFIX = "websub-"  # that of the document
ANY_ACL = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)


def documented_acls(document: Path = DOCUMENT) -> list[AclBinding]:
    """What the kafka-acls.sh commands of a document allow."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--resource-pattern-type", default="literal")
    for name in ("topic", "group", "transactional-id"):
        parser.add_argument(f"--{name}", action="append", default=[])
    commands = re.findall(r"^kafka-acls\.sh .*--add (.*)$", document.read_text().replace("\\\n", ""), re.M)
    types = {
        "topic": ResourceType.TOPIC,
        "group": ResourceType.GROUP,
        "transactional_id": ResourceType.TRANSACTIONAL_ID,
    }
    return [
        AclBinding(
            resource_type,
            resource,
            ResourcePatternType[given.resource_pattern_type.upper()],
            given.allow_principal,
            "*",
            AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper()],
            AclPermissionType.ALLOW,
        )
        for given in (parser.parse_args(shlex.split(command)) for command in commands)
        for kind, resource_type in types.items()
        for resource in getattr(given, kind)
        for operation in given.operation
    ]


@pytest.fixture(scope="module")
def acl_security(tmp_path_factory):
    users = ("admin", *(f"websub-{kind}" for kind in (*KINDS, "migration")))
    return SaslSsl(tmp_path_factory.mktemp("acl-security"), users, acls=True)


@pytest.fixture
def acl_kafka(acl_security, tmp_path):
    yield from running(KafkaBroker(tmp_path / "kafka", security=acl_security))


def suite_of_users(broker: KafkaBroker, security: SaslSsl, directory, **settings: str) -> Suite:
    """Each kind of program is a user of its own."""
    suite = Suite(broker.bootstrap, directory, PREFIX, security=Plaintext(), settings=settings)
    for program in suite.programs.values():
        program.env["WEBSUB_KAFKA_PROPERTIES"] = as_setting(security.client(f"websub-{program.kind}"))
    return suite


def allow_what_is_documented(
    broker: KafkaBroker, document: Path = DOCUMENT, kinds: tuple[str, ...] = KINDS
) -> None:
    acls = documented_acls(document)
    assert {acl.principal for acl in acls} == {f"User:websub-{kind}" for kind in kinds}
    admin = AdminClient(broker.client)
    for created in admin.create_acls(acls).values():
        created.result(20)
    # The controller has them; the broker tells when it has them as well.
    wait_for(lambda: set(acls) <= set(admin.describe_acls(ANY_ACL).result(20)), "the ACLs to be in force")


def light_ping_works(suite: Suite, subscriber: Subscriber) -> None:
    page, endpoint, hub = Page(subscriber, planted.payload(), TEXT), subscriber.endpoint(), suite.hub()
    hub.register(page.url).check_accepted()
    subscribe(hub, page.url, endpoint)
    page.change(planted.payload("changed"))
    assert hub.ping(page.url).status == 204
    endpoint.wait_bodies([page.body])
    hub.close()


def test_documented_acls_are_enough(acl_kafka, acl_security, tmp_path, subscriber):
    """For all that the programs ask Kafka: no answer is ever that something is not allowed."""
    allow_what_is_documented(acl_kafka)
    receiver = NoticeReceiver(planted.secret("webhook").encode())
    settings = receiver.settings(planted.secret("webhook")) | {
        "WEBSUB_MESSAGES_DEDICATED_LIMIT": "1",
        "WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter",
        "WEBSUB_RETRY_GIVE_UP_AFTER": "500ms",
    }
    with suite_of_users(acl_kafka, acl_security, tmp_path, **settings) as suite:
        suite.start("hub-0")  # which makes the topics
        suite.start()
        main_job_works(suite, subscriber)  # a dedicated message topic
        main_job_works(suite, subscriber)  # the pool
        light_ping_works(suite, subscriber)
        hub, topic, endpoint = suite.hub(), new_topic("letters"), subscriber.endpoint()
        hub.register(topic).check_accepted()
        subscribe(hub, topic, endpoint, planted.secret())
        since = utc_now()
        endpoint.on_delivery = answer(500)
        hub.publish(topic, planted.payload()).check_accepted()
        missed = MissedMessages(hub, topic, endpoint, planted.secret())
        wait_for(lambda: missed.ask(since).status == 200, "the hub to know of the subscription, too")
        assert missed.messages(since) == [planted.payload().decode()]
        view = KafkaView(acl_kafka.client)
        wait_for(
            lambda: view.record_counts(f"{PREFIX}dead-letters")[f"{PREFIX}dead-letters"], "a dead letter"
        )
        wait_for(lambda: view.record_counts(f"{PREFIX}attempts")[f"{PREFIX}attempts"], "an attempt on record")
        dead_lettered = Notices(suite, view, topic, receiver)
        dead_lettered.wait_written(endpoint, "dead_lettered")
        dead_lettered.wait_taken(endpoint)
        end_with_a_notice(hub, subscriber.endpoint(), suite, view, receiver)
        view.close()
        assert missed.messages(since) == [planted.payload().decode()]
        endpoint.on_delivery = answer(200)
        hub.close()
        suite.terminate()  # commits offsets, which the next start fetches
        suite.start()
        hub = suite.hub()
        hub.publish(topic, planted.payload("after")).check_accepted()
        wait_for(lambda: planted.payload("after") in endpoint.bodies(), endpoint.describe)
        hub.unsubscribe(topic, endpoint.url).check_accepted(202)
        wait_for(lambda: endpoint.verifications("unsubscribe"), "the verification of the end")
        hub.deregister(topic).check_accepted()
        suite.terminate()
        for program in suite.programs.values():
            refused = [line for line in program.log_path.read_text().splitlines() if "uthoriz" in line]
            assert not refused, f"{program.name}: {refused[:5]}"
    receiver.stop()


def end_with_a_notice(
    hub: HubClient, endpoint: Endpoint, suite: Suite, view: KafkaView, receiver: NoticeReceiver
) -> None:
    """One that the consolidator writes."""
    topic = new_topic("gone")
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint)
    endpoint.on_delivery = answer(410)
    hub.publish(topic, planted.payload()).check_accepted()
    notices = Notices(suite, view, topic, receiver)
    notices.wait_written(endpoint, "gone")
    notices.wait_taken(endpoint)


def test_programs_that_may_do_nothing_say_so_and_go_on_once_they_may(
    acl_kafka, acl_security, tmp_path, subscriber
):
    with suite_of_users(acl_kafka, acl_security, tmp_path) as suite:
        suite.start_without_waiting()
        for program in suite.programs.values():
            program.wait_healthy()
            wait_for(
                lambda: any("uthorization failed" in e["reason"] for e in program.events("kafka.not_ready")),
                lambda: f"{program.name} says what is not allowed{program.tail()}",
            )
            assert program.get("/readyz").status == 503
        allow_what_is_documented(acl_kafka)
        suite.wait_ready()
        main_job_works(suite, subscriber)


def test_documented_acls_are_enough_for_a_migration(acl_kafka, acl_security, tmp_path, subscriber):
    document = REPOSITORY / "docs" / "migrating-from-mosip.md"
    allow_what_is_documented(acl_kafka)
    allow_what_is_documented(acl_kafka, document, ("migration",))
    endpoint, old = subscriber.endpoint(), OldHub(acl_kafka.client)
    dedicated, pooled = new_topic("dedicated"), new_topic("pooled")
    old.add_topics(dedicated, pooled)
    for topic in (dedicated, pooled):
        old.publish(topic, [planted.payload(topic)])
        old.subscribe(topic, endpoint.url, committed={0: 0})
    old.write_lists()
    settings = {"WEBSUB_MESSAGES_DEDICATED_LIMIT": "1"}
    with suite_of_users(acl_kafka, acl_security, tmp_path, **settings) as suite:
        suite.start("hub-0")
        suite.start()
        user = acl_security.client("websub-migration")
        migration = Migration(suite, acl_kafka, tmp_path, client=user)
        assert migration.report("--dry-run")["messages"]["to_copy"] == 2
        assert migration.report()["subscriptions"]["new"] == 2
        wait_for(lambda: len(endpoint.bodies()) == 2, lambda: f"both messages{endpoint.describe()}")

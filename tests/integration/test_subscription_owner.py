"""A subscription belongs to who made it: nobody else, but operators, may change or end it."""

import pytest

from harness import planted
from harness.kafka_view import KafkaView
from harness.settle import wait_active, wait_silent
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import UsersFile, basic
from harness.wait import wait_for

USERS = {"bank": "", "thief": "", "root": "websub-operator"}
SECRET = planted.secret("of-the-owner")


@pytest.fixture(scope="module")
def owned(kafka, tmp_path_factory):
    """Two hubs: what one has accepted, the other has to respect."""
    directory = tmp_path_factory.mktemp("owner")
    settings = UsersFile(directory / "users", USERS).settings()
    with Suite(kafka.bootstrap, directory, "owner-", hubs=2, settings=settings) as suite:
        yield suite.start()


class Client:
    """A user at each of the hubs."""

    def __init__(self, suite: Suite, name: str):
        self.hubs = [suite.hub(index, headers=basic(name)) for index in range(2)]
        self.hub = self.hubs[0]


@pytest.fixture
def bank(owned):
    return Client(owned, "bank")


@pytest.fixture
def thief(owned):
    return Client(owned, "thief")


@pytest.fixture
def topic(bank):
    topic = new_topic("owned")
    bank.hub.register(topic).check_accepted()
    return topic


@pytest.fixture
def endpoint(bank, topic, subscriber):
    """The bank's subscription."""
    endpoint = subscriber.endpoint()
    bank.hub.subscribe(topic, endpoint.url, SECRET).check_accepted(202)
    wait_active(bank.hub, topic, endpoint)
    return endpoint


def check_still_the_banks(bank, topic, endpoint) -> None:
    """Messages arrive, signed with the bank's secret."""
    message = bank.hub.publish(topic, planted.payload("still the bank's")).check_accepted().message_id
    delivery = wait_for(
        lambda: [d for d in endpoint.deliveries() if d.message_id == message], "the bank's message"
    )[0]
    assert delivery.is_signed_with(SECRET)


def check_forbidden_at_all_hubs(request, client: Client) -> None:
    """Sooner or later: the view of a hub may be behind what the other has accepted."""
    for hub in client.hubs:
        answer = wait_for(
            lambda hub=hub: (answer := request(hub)).status == 403 and answer, "the hub to know the owner"
        )
        assert answer.reason == "the subscription is another's"


def test_another_may_neither_change_nor_end_it(bank, thief, topic, endpoint):
    before = len(endpoint.verifications())
    check_forbidden_at_all_hubs(
        lambda hub: hub.subscribe(topic, endpoint.url, planted.secret("of-the-thief")), thief
    )
    check_forbidden_at_all_hubs(lambda hub: hub.unsubscribe(topic, endpoint.url), thief)
    check_still_the_banks(bank, topic, endpoint)
    # Once both hubs knew, the subscriber was not even asked.
    hub = thief.hubs[1]
    asked = len(endpoint.verifications())
    hub.unsubscribe(topic, endpoint.url).check_denied(403)
    check_still_the_banks(bank, topic, endpoint)
    assert len(endpoint.verifications()) == asked >= before


def test_the_owner_renews_and_ends_it(bank, topic, endpoint, subscriber):
    witness = subscriber.endpoint()
    bank.hub.subscribe(topic, witness.url).check_accepted(202)
    wait_active(bank.hub, topic, witness)
    asked = len(endpoint.verifications("subscribe"))
    bank.hubs[1].subscribe(topic, endpoint.url, SECRET).check_accepted(202)
    wait_for(lambda: len(endpoint.verifications("subscribe")) > asked, "the renewal's verification")
    check_still_the_banks(bank, topic, endpoint)
    bank.hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    wait_silent(bank.hub, topic, endpoint, witness)


def test_an_operator_may_end_it(owned, bank, topic, endpoint, subscriber):
    witness = subscriber.endpoint()
    bank.hub.subscribe(topic, witness.url).check_accepted(202)
    wait_active(bank.hub, topic, witness)
    owned.hub(headers=basic("root")).unsubscribe(topic, endpoint.url).check_accepted(202)
    wait_silent(bank.hub, topic, endpoint, witness)


def test_what_nobody_has_any_more_is_anybodys(bank, thief, topic, endpoint, subscriber):
    witness = subscriber.endpoint()
    bank.hub.subscribe(topic, witness.url).check_accepted(202)
    wait_active(bank.hub, topic, witness)
    bank.hub.unsubscribe(topic, endpoint.url).check_accepted(202)
    wait_silent(bank.hub, topic, endpoint, witness)
    wait_for(
        lambda: thief.hub.subscribe(topic, endpoint.url).status == 202, "the hub to know that it has ended"
    )
    wait_active(bank.hub, topic, endpoint)


def test_the_consolidator_denies_what_a_hub_did_not_know(
    owned, kafka_view: KafkaView, bank, thief, topic, endpoint
):
    """A request that a hub accepted before it knew of the owner, as the event that it writes."""
    event = kafka_view.records(f"{owned.prefix}events")
    stolen = next(
        record
        for record in event
        if b'"subscription.requested"' in record.value and endpoint.url.encode() in record.value
    )
    value = stolen.value.replace(b'"bank"', b'"thief"')
    request = stolen.value.split(b'"request":"')[1][:36]
    value = value.replace(request, b"0" * 36)
    asked = len(endpoint.verifications())
    kafka_view.produce(f"{owned.prefix}events", stolen.partition, stolen.key, value)
    denied = wait_for(
        lambda: owned["consolidator-0"].events("audit.denied", topic=topic), "the consolidator's denial"
    )[0]
    assert (denied["user"], denied["operation"]) == ("thief", "subscribe")
    assert denied["reason"] == "the subscription is another's"
    check_still_the_banks(bank, topic, endpoint)
    assert len(endpoint.verifications()) == asked

"""All dead letters are redelivered when an operator says so, once each; and what was is missed no more."""

import pytest

from harness import planted
from harness.behaviours import answer, slow
from harness.dead_letters import letters_of
from harness.feed import SETTINGS, Feed, make_feed
from harness.missed import MissedMessages, utc_now
from harness.operator_api import Api, Command
from harness.settle import subscribe, wait_active
from harness.suite import Suite
from harness.wait import DEADLINE, wait_for

LETTERS = {
    "WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter",
    "WEBSUB_RETRY_GIVE_UP_AFTER": "500ms",
    "WEBSUB_RETRY_MIN_INTERVAL": "20ms",
    "WEBSUB_RETRY_MAX_INTERVAL": "100ms",
}


@pytest.fixture(scope="module")
def burying(kafka, tmp_path_factory):
    prefix = "all-letters-"
    settings = SETTINGS | LETTERS
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp(prefix), prefix, settings=settings) as suite:
        yield suite


@pytest.fixture
def feed(burying, kafka_view, subscriber):
    return make_feed(burying.start(), kafka_view, subscriber)


class Letters:
    """The dead letters of a feed, as Kafka, the API and MOSIP's call have them."""

    def __init__(self, feed: Feed, view):
        self.feed, self._view, self.since = feed, view, utc_now()
        self.command = Command(Api(feed.suite), feed.topic, feed.endpoint)
        self._mosip = MissedMessages(feed.hub, feed.topic, feed.endpoint, planted.secret())

    def records(self) -> list:
        return letters_of(self._view, self.feed.suite, self.feed.topic, self.feed.endpoint.url)

    def bury(self, name: str, count: int) -> list[bytes]:
        """Messages that the subscriber does not take; it takes the next."""
        already = len(self.records())
        self.feed.endpoint.on_delivery = answer(422)
        bodies = self.feed.publish(name, count)
        # Each takes longer than retry.give_up_after, one after the other.
        wait_for(
            lambda: len(self.records()) == already + count,
            lambda: f"{count} dead letters, not {len(self.records()) - already}",
            DEADLINE + 3 * count,
            pause=0.2,
        )
        self.feed.endpoint.on_delivery = answer(200)
        return bodies

    def redeliver_all(self) -> None:
        self.command("redeliver", {"dead_letters": True})

    def missed(self, limit: int = 100) -> list[bytes]:
        items = self.command.missed("source=dead-letters", limit)
        return [item["body"]["data"].encode() for item in items]

    def wait_missed(self, expected: list[bytes]) -> None:
        """By both ways of asking; the API tells them in the order in which they were given up."""
        wait_for(
            lambda: sorted(self.missed()) == sorted(expected),
            lambda: f"{expected} missed, not {self.missed()}; {self.feed.commands.state(self.feed.endpoint)}",
        )
        assert sorted(self.missed(limit=1)) == sorted(expected)
        wait_for(
            lambda: [text.encode() for text in self._mosip.messages(self.since)] == expected,
            lambda: f"MOSIP's call to tell {expected}, not {self._mosip.messages(self.since)}",
        )


@pytest.fixture
def letters(feed, kafka_view):
    return Letters(feed, kafka_view)


def test_all_come_once_more_once_in_their_order_and_are_missed_no_more(letters):
    """However often it is commanded, with what is published meanwhile beside them."""
    endpoint, bodies = letters.feed.endpoint, letters.bury("buried", 5)
    letters.wait_missed(bodies)
    for _ in range(3):
        letters.redeliver_all()
    later = letters.feed.publish("later", 3)
    wait_for(lambda: len(endpoint.bodies()) >= 8, lambda: f"eight{endpoint.describe()}")
    letters.wait_missed([])
    assert [body for body in endpoint.bodies() if body in bodies] == bodies
    assert [body for body in endpoint.bodies() if body in later] == later
    ids = {record.value: record.header("message-id") for record in letters.records()}
    for delivery in endpoint.deliveries():
        assert delivery.is_signed_with(planted.secret())
        assert delivery.message_id == ids.get(delivery.body, delivery.message_id)
    letters.redeliver_all()
    letters.feed.stays_silent("delivered twice")
    more = letters.bury("more", 2)
    letters.wait_missed(more)
    letters.redeliver_all()
    wait_for(lambda: endpoint.bodies()[-2:] == more, lambda: f"the new ones{endpoint.describe()}")
    letters.wait_missed([])


def test_one_that_was_redelivered_is_missed_no_more_and_left_out_of_all(letters):
    endpoint, bodies = letters.feed.endpoint, letters.bury("buried", 4)
    by_offset, by_id = letters.records()[1], letters.records()[2]
    letters.command("redeliver", {"offset": int(by_offset.header("origin-offset"))})
    endpoint.wait_bodies([bodies[1]])
    letters.wait_missed([bodies[0], *bodies[2:]])
    letters.command("redeliver", {"message": by_id.header("message-id")})
    endpoint.wait_bodies(bodies[1:3])
    letters.wait_missed([bodies[0], bodies[3]])
    letters.redeliver_all()
    endpoint.wait_bodies([*bodies[1:3], bodies[0], bodies[3]])
    letters.wait_missed([])
    letters.feed.stays_silent("delivered twice")


def test_one_that_is_being_redelivered_is_not_sent_by_all_as_well(letters):
    endpoint, bodies = letters.feed.endpoint, letters.bury("buried", 3)
    endpoint.on_delivery = slow(0.5, answer(200))
    letters.command("redeliver", {"offset": int(letters.records()[1].header("origin-offset"))})
    letters.redeliver_all()
    wait_for(lambda: len(endpoint.bodies()) >= 3, lambda: f"all{endpoint.describe()}")
    letters.wait_missed([])
    assert sorted(endpoint.bodies()) == sorted(bodies)


def test_what_is_refused_again_stays_missed_and_holds_nothing_up(letters):
    endpoint, bodies = letters.feed.endpoint, letters.bury("buried", 6)
    refused = bodies[1:3]
    endpoint.on_delivery = lambda received: answer(422 if received.body in refused else 200)(received)
    letters.redeliver_all()
    letters.wait_missed(refused)
    assert endpoint.bodies() == [bodies[0], *bodies[3:]]
    endpoint.on_delivery = answer(200)
    letters.redeliver_all()
    letters.wait_missed([])
    assert sorted(endpoint.bodies()) == sorted(bodies)


def test_in_a_pause_they_wait(letters):
    bodies = letters.bury("buried", 3)
    letters.feed.commands.pause(letters.feed.endpoint)
    letters.redeliver_all()
    letters.feed.stays_silent("delivered in a pause")
    letters.wait_missed(bodies)
    letters.feed.commands.resume(letters.feed.endpoint)
    letters.feed.endpoint.wait_bodies(bodies)
    letters.wait_missed([])


def test_others_letters_stay_theirs(letters, burying, kafka_view, subscriber):
    others = Letters(make_feed(burying, kafka_view, subscriber), kafka_view)
    bodies, theirs = letters.bury("buried", 3), others.bury("theirs", 3)
    letters.redeliver_all()
    letters.feed.endpoint.wait_bodies(bodies)
    letters.wait_missed([])
    others.wait_missed(theirs)
    assert others.feed.endpoint.bodies() == []


def test_letters_of_an_earlier_subscription_are_not_meant(letters):
    feed = letters.feed
    letters.bury("buried", 2)
    feed.hub.unsubscribe(feed.topic, feed.endpoint.url).check_accepted(202)
    wait_for(lambda: feed.commands.state(feed.endpoint) is None, "it to have ended", pause=0.1)
    subscribe(feed.hub, feed.topic, feed.endpoint, planted.secret())
    wait_active(feed.hub, feed.topic, feed.endpoint)
    letters.wait_missed([])
    letters.redeliver_all()
    feed.stays_silent("delivered although another subscription missed it")
    bodies = letters.bury("again", 2)
    letters.redeliver_all()
    feed.endpoint.wait_bodies(bodies)
    letters.wait_missed([])


@pytest.mark.parametrize("how", ["kill -9", "SIGTERM"])
def test_they_go_on_after_the_dispatcher_ended(letters, how):
    endpoint, bodies = letters.feed.endpoint, letters.bury("buried", 20)
    endpoint.on_delivery = slow(0.1, answer(200))
    before = len(endpoint.attempts())
    letters.redeliver_all()
    endpoint.wait_attempts(before + 8)
    letters.feed.restart_dispatcher(how)
    endpoint.on_delivery = answer(200)
    letters.wait_missed([])
    assert set(endpoint.bodies()) == set(bodies)
    if how == "SIGTERM":
        assert endpoint.bodies() == bodies


def test_commands_that_are_malformed_settle_nothing(letters):
    bodies = letters.bury("buried", 2)
    for offset in (-1, "1", None, 2**70):
        letters.feed.commands.give("delivery.redeliver_letters", letters.feed.endpoint, offset=offset)
    letters.feed.commands.give("delivery.letters_settled", letters.feed.endpoint, offset=10**6)
    letters.redeliver_all()
    letters.feed.endpoint.wait_bodies(bodies)
    letters.wait_missed([])

"""All dead letters of a subscription are redelivered, far more than state could list, while programs die.

Each comes at least once, and none twice but those whose confirmation had not been told when the dispatcher
was killed: it goes on a little before where it was.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import planted
from harness.behaviours import answer
from harness.dead_letters import letters_of
from harness.ids import subscription_id
from harness.operator_api import Api, Command
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import stays_false, wait_for

pytestmark = pytest.mark.timeout(600)  # each of its waits may take two minutes

LETTERS = 1500  # the state record lists at most 1,000 single messages

SETTINGS = {
    "WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter",
    "WEBSUB_RETRY_GIVE_UP_AFTER": "0",
    "WEBSUB_RETRY_MIN_INTERVAL": "20ms",
}


@pytest.fixture
def suite(kafka, tmp_path):
    with Suite(kafka.bootstrap, tmp_path, "faults-letters-", settings=SETTINGS) as suite:
        yield suite.start()


class Redelivery:
    """A subscription with many dead letters, whose redelivery is watched."""

    def __init__(self, suite: Suite, view, subscriber):
        self.suite, self.view, self.endpoint = suite, view, subscriber.endpoint()
        self.topic = register_topic(suite.hub(), "letters")
        subscribe(suite.hub(), self.topic, self.endpoint, planted.secret())
        self.key = subscription_id(self.topic, self.endpoint.url)
        self.letters: list[str] = []

    def bury(self) -> None:
        self.endpoint.on_delivery = answer(422)

        def publish(share: range) -> None:
            hub = self.suite.hub()
            for number in share:
                hub.publish(self.topic, planted.payload(f"{number}")).check_accepted()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(publish, [range(first, LETTERS, 8) for first in range(8)]))
        wait_for(lambda: len(self.buried()) == LETTERS, f"{LETTERS} dead letters", 120, pause=0.5)
        self.letters = self.buried()
        self.endpoint.on_delivery = answer(200)

    def buried(self) -> list[str]:
        """Message ids, in the order in which they were given up."""
        records = letters_of(self.view, self.suite, self.topic, self.endpoint.url)
        return [record.header("message-id") for record in records]

    def command(self) -> Command:
        return Command(Api(self.suite), self.topic, self.endpoint)

    def redeliver_all(self) -> None:
        self.command()("redeliver", {"dead_letters": True})

    def arrived(self) -> list[int]:
        """Which letters, by number."""
        numbers = {message_id: number for number, message_id in enumerate(self.letters)}
        return [numbers[delivery.message_id] for delivery in self.endpoint.deliveries()]

    def wait_arrived(self, count: int) -> None:
        wait_for(lambda: len(self.arrived()) >= count, f"{count} letters", 120)

    def restart(self, name: str) -> None:
        self.suite.kill(name)
        self.suite.start(name)

    def wait_all_settled(self) -> None:
        def settled() -> bool:
            state = self.view.last_value(f"{self.suite.prefix}state", f"subscription:{self.key}")
            return state.get("letters_settled") == state["letters_wanted"]

        wait_for(settled, "all to be settled", 120, pause=0.5)


def test_all_letters_come_though_programs_are_killed(suite, kafka_view, subscriber):
    run = Redelivery(suite, kafka_view, subscriber)
    run.bury()
    run.redeliver_all()
    run.restart("hub-0")
    run.wait_arrived(300)
    run.restart("consolidator-0")
    run.redeliver_all()
    for count in (600, 900):
        run.wait_arrived(count)
        run.restart("dispatcher-0")
    run.wait_arrived(1200)
    run.restart("consolidator-0")
    run.wait_all_settled()
    arrived = run.arrived()
    assert set(arrived) == set(range(LETTERS))
    # In order, but for going back a little as often as the dispatcher was killed.
    steps_back = [(a, b) for a, b in zip(arrived, arrived[1:], strict=False) if b != a + 1]
    assert len(steps_back) <= 2 and all(b <= a for a, b in steps_back), steps_back
    command = run.command()
    wait_for(lambda: command.missed("source=dead-letters") == [], "the hub to know that all are settled")
    run.redeliver_all()
    run.restart("dispatcher-0")
    run.redeliver_all()
    stays_false(lambda: len(run.arrived()) > len(arrived), "delivered twice", 1.5)

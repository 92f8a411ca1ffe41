"""The judge of the storm: one that is wrong would let everything pass."""

import random
import uuid

import pytest

from storm.explain import NO_EVENTS, PLANNED, WOKEN, Explanations, Times
from storm.injector import Happened
from storm.judge import judge
from storm.plan import EVERYBODY, KAFKA, Fault, make_plan
from storm.publishing import Ledger, Told
from storm.recorder import DELIVERY, DENIAL, NO_SECRET, VERIFICATION, Progress, pack, read_records
from storm.report import describe_outcome
from storm.run import Outcome, Size

SECOND = 1_000_000_000
TIMES = Times(session=3.0, detach_after=2.0)


def message_id(number: int) -> bytes:
    return uuid.UUID(int=number).bytes


def ledger(count: int, unknown: tuple[int, ...] = ()) -> Ledger:
    """Messages 1 to count, sent at second 0."""
    ledger = Ledger(0, "topic/0")
    for number in range(1, count + 1):
        ledger.add(Told(0, 0, "hub-0", None if number in unknown else message_id(number), "a problem"))
    return ledger


def arrival(number: int, at: float, status: int = 204, subscriber: int = 0, **changes):
    values = {"id": message_id(number), "topic": 0, "kind": DELIVERY, "secret": 0} | changes
    return (
        int(at * SECOND),
        number,
        values["id"],
        subscriber,
        values["topic"],
        status,
        values["kind"],
        values["secret"],
    )


def arrivals(*numbers: int) -> list[tuple]:
    """One second apart, beginning with second 1."""
    return [arrival(number, at) for at, number in enumerate(numbers, 1)]


def problems(records, *, unknown: tuple[int, ...] = (), faults: tuple[Happened, ...] = ()) -> list[tuple]:
    """Of three messages to one subscriber: kind and number of each."""
    explain = Explanations(faults, TIMES).explain
    verdict = judge(records, [ledger(3, unknown)], 1, explain)
    assert sum(verdict.counts.values()) == len(verdict.problems)
    return [(problem.kind, problem.number) for problem in verdict.problems]


def happened(kind: str, victim: str, began: float, ended: float, how: str = "") -> Happened:
    fault = Fault(kind, victim, ended - began, how=how)
    return Happened(fault, int(began * SECOND), int(ended * SECOND))


def test_everything_in_order_is_right():
    assert problems(arrivals(1, 2, 3)) == []


def test_lost():
    assert problems(arrivals(1, 3)) == [("lost", 2)]


def test_what_the_subscriber_refused_is_lost_unless_it_comes_again():
    refused = [arrival(1, 1), arrival(2, 2, status=503), arrival(2, 3, status=0)]
    assert problems([*refused, arrival(3, 4)]) == [("lost", 2)]
    assert problems([*refused, arrival(2, 4), arrival(3, 5)]) == []


def test_order():
    assert problems(arrivals(2, 1, 3)) == [("order", 1)]


def test_duplicate_without_a_fault():
    assert problems(arrivals(1, 2, 2, 3)) == [("duplicate", 2)]


def test_replay_after_a_fault():
    kill = happened("kill", "dispatcher-0", 3.5, 3.6)
    assert problems(arrivals(1, 2, 3, 2, 3), faults=(kill,)) == []


def test_unknown_outcomes_may_arrive_and_have_no_place():
    assert problems(arrivals(1, 3), unknown=(2,)) == []
    assert problems(arrivals(1, 3, 2), unknown=(2,)) == []
    assert problems(arrivals(1, 2, 2, 3), unknown=(2,)) == [("duplicate", 2)]


def test_another_id():
    assert problems([arrival(1, 1), arrival(2, 2, id=message_id(9)), arrival(3, 3)]) == [("id", 2)]
    twice = [arrival(1, 1), arrival(2, 2, status=500, id=message_id(9)), arrival(2, 3), arrival(3, 4)]
    assert problems(twice, unknown=(2,)) == [("id", 2)]


def test_wrong_signature():
    assert problems([arrival(1, 1), arrival(2, 2, secret=NO_SECRET), arrival(3, 3)]) == [("signature", 2)]


def test_denial_and_stranger():
    denial = arrival(0, 3, kind=DENIAL)
    stranger = arrival(4, 4)
    assert problems([*arrivals(1, 2, 3), denial, stranger]) == [("denied", 0), ("stranger", 4)]


def test_warm_ups_and_verifications_count_for_nothing():
    others = [arrival(0, 0, id=message_id(1)), arrival(0, 0), arrival(60, 0, kind=VERIFICATION)]
    assert problems([*others, *arrivals(1, 2, 3)]) == []


# First confirmed at second 100, again at 103.
@pytest.mark.parametrize(
    ("fault", "explains"),
    [
        (happened("kill", "dispatcher-0", 101, 101.5), True),
        (happened("kill", "dispatcher-0", 110, 110), False),  # came again before
        (happened("kill", "dispatcher-0", 90, 90), False),  # confirmed long after it
        (happened("stop", "dispatcher-1", 101, 102), False),  # stays a member
        (happened("stop", "dispatcher-1", 101, 105), True),
        (happened("terminate", "hub-0", 101, 102), False),
        (happened("kill", "hub-1", 101, 102), False),
        (happened("kill", "consolidator-0", 101, 102), False),
        (happened("restart", KAFKA, 90, 99), True),  # confirmed while nothing could be committed
        (happened("crash", KAFKA, 101, 102), True),
        (happened("fail", EVERYBODY, 99, 102, "refuse"), True),
        (happened("fail", "subscriber 0", 99, 102, "refuse"), True),
        (happened("fail", "subscriber 7", 99, 102, "refuse"), False),
        (happened("fail", EVERYBODY, 99, 102, "503"), False),
    ],
    ids=str,
)
def test_explanations(fault, explains):
    reason = Explanations([fault], TIMES).explain(0, 100 * SECOND, 103 * SECOND)
    assert bool(reason) == explains


def test_planned_hand_over_is_told_apart():
    terminate = happened("terminate", "dispatcher-0", 101, 102)
    kill = happened("kill", "dispatcher-1", 101, 101)
    explain = Explanations([terminate], TIMES).explain
    assert explain(0, 100 * SECOND, 103 * SECOND) == PLANNED
    explain = Explanations([terminate, kill], TIMES).explain
    assert explain(0, 100 * SECOND, 103 * SECOND) == "dispatcher kill"


def test_deliveries_of_a_dispatcher_that_wakes_up_are_told_apart():
    stop = happened("stop", "dispatcher-0", 96, 99.9)
    explain = Explanations([stop], TIMES).explain
    assert explain(0, 100 * SECOND, 103 * SECOND) == WOKEN
    assert explain(0, 95 * SECOND, 103 * SECOND) == "dispatcher stop"
    assert explain(0, 97 * SECOND, 99.9 * SECOND) == WOKEN
    assert explain(0, 90 * SECOND, 103 * SECOND) is None
    verdict = judge([*arrivals(1, 2, 3), arrival(2, 4)], [ledger(3)], 1, lambda *_: WOKEN)
    assert not verdict.counts and [remark.kind for remark in verdict.remarks] == [WOKEN]


def test_hand_overs_need_consolidators():
    kill = happened("kill", "dispatcher-0", 96, 97)
    stop = happened("stop", "consolidator-1", 98, 101)
    first, again = 100 * SECOND, 103 * SECOND
    assert Explanations([kill], TIMES).explain(0, first, again) == PLANNED
    assert Explanations([kill, stop], TIMES).explain(0, first, again) == NO_EVENTS
    assert Explanations([stop], TIMES).explain(0, first, again) is None


def test_faults_reach_further_back_while_commits_are_held_back():
    kill = happened("kill", "dispatcher-0", 110, 110)
    failing = happened("fail", "subscriber 3", 101, 109, "hang")
    first, again = 100 * SECOND, 112 * SECOND
    assert Explanations([kill], TIMES).explain(0, first, again) is None
    assert Explanations([kill, failing], TIMES).explain(0, first, again) == "dispatcher kill"


def test_plan_is_made_from_the_seed_alone():
    assert make_plan(5, 40, 10, 3.0) == make_plan(5, 40, 10, 3.0)
    assert make_plan(5, 40, 10, 3.0) != make_plan(6, 40, 10, 3.0)
    for seed in range(20):
        plan = make_plan(seed, 41, 10, 3.0)
        assert sum(len(step.faults) for step in plan) == 41
        for step in plan:
            assert len({fault.victim for fault in step.faults}) == len(step.faults)


def test_record_is_followed_as_it_grows(tmp_path):
    path = tmp_path / "record"
    chance = random.Random(1)
    records = [arrival(0, 0), *(arrival(number, number) for number in range(1, 50))]
    records += [arrival(50, 50, status=500), arrival(60, 51, kind=VERIFICATION)]
    data = b"".join(map(pack, records))
    path.write_bytes(b"")
    progress = Progress(path)
    while data:
        cut = chance.randrange(1, 200)
        with open(path, "ab") as file:
            file.write(data[:cut])
        data = data[cut:]
        progress.follow()
    assert list(read_records(path)) == records
    assert progress.confirmed == {(0, 0): 49}
    assert progress.warmed_up == {(0, 0)}
    assert progress.verified_ns == {(0, 0): 51 * SECOND}
    progress.close()


def test_report_shows_the_history_around_a_loss(tmp_path):
    records = [*arrivals(1, 3), arrival(2, 2, subscriber=1)]
    (tmp_path / "record").write_bytes(b"".join(map(pack, records)))
    faults = [happened("kill", "dispatcher-0", 1.5, 1.6)]
    callbacks = ["http://127.0.0.1:1/callback"]
    outcome = Outcome(Size(1, 1, 3, 1, 1), tmp_path, 0, callbacks, [ledger(3)], faults)
    outcome.verdict = judge(records[:2], outcome.ledgers, 1, Explanations(faults, TIMES).explain)
    text = "\n".join(describe_outcome(outcome))
    for expected in (
        "LOST: subscriber 0, topic 0, message 2",
        "> 2 sent",
        "http://127.0.0.1:1/callback",
        "other subscribers: 1 got it",
        "kill dispatcher-0",
        "verdict: FAILED",
    ):
        assert expected in text, text

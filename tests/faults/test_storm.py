"""The short form of the storm: a fixed seed, some faults, and all that the long form looks at."""

import pytest

from storm.report import describe_outcome, describe_plan
from storm.run import Size, Storm

# Chosen such that every kind of fault is in it, on every kind of program that matters for it.
SHORT = Size(
    seed=9534,
    faults=14,
    messages=3_000,
    subscribers=10,
    topics=4,
    # Renewed in the first half: what is left is longer than an outage may take (RECOVERED_WITHIN).
    leases=(120, 180),
    log_level="debug",
)


@pytest.mark.timeout(420)
def test_storm(tmp_path):
    storm = Storm(SHORT, tmp_path, say=print)
    print(*describe_plan(storm.plan), sep="\n")
    outcome = storm.run()
    report = "\n".join(describe_outcome(outcome))
    print(report)
    assert outcome.sound, report

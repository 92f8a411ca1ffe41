"""docs/metrics.md and what the programs export: the same, both ways."""

import re
from dataclasses import dataclass, field

import pytest

from harness.paths import REPOSITORY
from harness.program import KINDS, Program
from harness.suite import Suite

TRACED = ["hub", "dispatcher"]

# What is no enumeration: the ids of the operator's keys.
OPEN_LABELS = {"key"}


@dataclass
class Metric:
    type: str
    labels: dict[str, set[str]] = field(default_factory=dict)  # and their values


def exported(program: Program) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for line in program.get("/metrics").body.decode().splitlines():
        if line.startswith("# HELP"):
            assert len(line.split(" ", 3)[3]) > 0, line
        elif line.startswith("# TYPE"):
            _, _, name, kind = line.split(" ")
            assert name not in found, f"{name} comes twice"
            found[name] = Metric(kind)
        else:
            sample = re.match(r"([a-z0-9_]+)(?:{(.*)})? ", line)
            name = re.sub("_(bucket|sum|count)$", "", sample[1]) if sample[1] not in found else sample[1]
            for label, value in re.findall(r'(\w+)="([^"]*)"', sample[2] or ""):
                if label != "le":
                    found[name].labels.setdefault(label, set()).add(value)
    return found


def sections() -> dict[str, str]:
    text = (REPOSITORY / "docs/metrics.md").read_text()
    return {part.splitlines()[0].lower(): part for part in text.split("\n## ")[1:]}


def documented(section: str) -> dict[str, Metric]:
    found = {}
    for names, kind, meaning in re.findall(r"^\| (`websub_.*?) \| (\w+) \| (.+) \|$", section, re.MULTILINE):
        assert meaning
        for name, labels in re.findall(r"`([a-z0-9_]+)(?:{([a-z_,]+)})?`", names):
            assert name not in found, f"{name} is told of twice"
            found[name] = Metric(kind, {label: set() for label in labels.split(",") if label})
    return found


@pytest.fixture(scope="module")
def metrics_suite(kafka, tmp_path_factory):
    settings = {"WEBSUB_TRACING_OTLP_URL": "http://127.0.0.1:9/"}  # nobody: but there are its metrics
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("told"), "told-", settings=settings) as suite:
        yield suite.start()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_is_documented_and_the_other_way_round(metrics_suite, kind):
    found = exported(metrics_suite[f"{kind}-0"])
    told = documented(sections()[kind]) | (documented(sections()["with tracing"]) if kind in TRACED else {})
    assert found.keys() == told.keys()
    assert {name: metric.type for name, metric in found.items()} == {
        name: metric.type for name, metric in told.items()
    }
    assert {name: metric.labels.keys() for name, metric in found.items()} == {
        name: metric.labels.keys() for name, metric in told.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_all_values_of_labels_are_documented(metrics_suite, kind):
    text = sections()[kind] + sections()["with tracing"]
    for name, metric in exported(metrics_suite[f"{kind}-0"]).items():
        for label, values in metric.labels.items():
            missing = [value for value in values if label not in OPEN_LABELS and f"`{value}`" not in text]
            assert missing == [], f"{name}{{{label}}}"


@pytest.mark.parametrize("kind", KINDS)
def test_names_follow_the_conventions(metrics_suite, kind):
    """https://prometheus.io/docs/practices/naming/"""
    for name, metric in exported(metrics_suite[f"{kind}-0"]).items():
        assert re.fullmatch(f"websub_({kind}_)?[a-z][a-z_]*", name), name
        assert name.endswith("_total") == (metric.type == "counter"), name
        assert metric.type != "histogram" or name.endswith("_seconds"), name
        assert not re.search("_(ms|milliseconds|minutes|kb|mb|percent)(_|$)", name), name

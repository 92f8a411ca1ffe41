"""Metrics, alert rules and the dashboard, with Prometheus' own tools and a real Prometheus that scrapes."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

from conftest import run
from harness import planted
from harness.behaviours import answer
from harness.paths import REPOSITORY
from harness.ports import free_port
from harness.settle import subscribe
from harness.suite import Suite
from harness.topics import register_topic
from harness.wait import wait_for

FILES = REPOSITORY / "helm/files"
RULES = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's prometheus is not installed")


class Prometheus:
    """Scrapes the programs of a suite each second, and evaluates the alert rules."""

    def __init__(self, suite: Suite, directory: Path):
        self.url = f"http://127.0.0.1:{free_port()}"
        targets = [f"127.0.0.1:{program.port}" for program in suite.programs.values()]
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(FILES / "alerts.yaml")],
            "scrape_configs": [{"job_name": "websub", "static_configs": [{"targets": targets}]}],
        }
        file = directory / "prometheus.yml"
        file.write_text(yaml.safe_dump(configuration))
        run("promtool", "check", "config", file)
        self._log = (directory / "prometheus.log").open("w")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def get(self, path: str, **parameters: str) -> dict:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> list[dict]:
        try:
            return self.get("query", query=expression)["result"]
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                raise AssertionError(f"{expression}: {error.read()}") from error
            return []  # it does not listen yet

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


@pytest.fixture(scope="module")
def busy_suite(kafka, tmp_path_factory, subscriber_server):
    """One that has delivered, failed, and given a message up."""
    settings = {
        "WEBSUB_RETRY_ON_EXHAUSTED": "dead-letter",
        "WEBSUB_RETRY_GIVE_UP_AFTER": "300ms",
        "WEBSUB_TRACING_OTLP_URL": "http://127.0.0.1:9/",  # nobody: but there are its metrics
    }
    directory = tmp_path_factory.mktemp("monitored")
    with Suite(kafka.bootstrap, directory, "monitored-", settings=settings) as suite:
        hub = suite.start().hub()
        good, bad = subscriber_server.endpoint(), subscriber_server.endpoint()
        topic = register_topic(hub, "monitored")
        subscribe(hub, topic, good, planted.secret())
        subscribe(hub, topic, bad, planted.secret())
        bad.on_delivery = answer(500)

        def publish() -> None:
            hub.publish(topic, planted.payload()).check_accepted()

        publish()
        good.wait_bodies([planted.payload()])
        bad.wait_attempts(2)
        yield suite, publish
        bad.on_delivery = answer(410)


@pytest.fixture(scope="module")
def prometheus(busy_suite, tmp_path_factory):
    suite, _ = busy_suite
    prometheus = Prometheus(suite, tmp_path_factory.mktemp("prometheus"))
    yield prometheus
    prometheus.close()


@pytest.mark.parametrize("program", ["hub-0", "consolidator-0", "dispatcher-0"])
def test_metrics_follow_the_conventions(busy_suite, program):
    suite, _ = busy_suite
    with urllib.request.urlopen(f"http://127.0.0.1:{suite[program].port}/metrics", timeout=10) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = response.read()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_alert_rules():
    run("promtool", "check", "rules", FILES / "alerts.yaml")
    run("promtool", "test", "rules", "alerts_test.yaml", cwd=FILES)


def test_every_alert_is_tested_and_has_its_runbook():
    tested = yaml.safe_load((FILES / "alerts_test.yaml").read_text())["tests"]
    fires = {
        case["alertname"] for test in tested for case in test["alert_rule_test"] if case.get("exp_alerts")
    }
    headings = {
        line.removeprefix("## ")
        for line in (REPOSITORY / "docs/alerts.md").read_text().splitlines()
        if line.startswith("## ")
    }
    names = {rule["alert"] for rule in RULES}
    assert names == fires and names <= headings
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"docs/alerts.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_has_data(prometheus, busy_suite, title):
    _, publish = busy_suite
    for target in PANELS[title]["targets"]:
        expression = target["expr"].replace("$__rate_interval", "10s").replace("$__range", "1m")

        def has_data(expression: str = expression) -> bool:
            publish()
            results = prometheus.query(expression)
            return bool(results) and all(result["value"][1] != "NaN" for result in results)

        wait_for(has_data, f"data for {title}: {expression}", pause=0.3)


def test_no_alert_is_pending_but_for_what_fails(prometheus):
    def evaluated() -> list[dict]:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] == "ok" for rule in rules) else []

    rules = wait_for(evaluated, "all rules evaluated", pause=0.3)
    assert {rule["name"] for rule in rules} == {rule["alert"] for rule in RULES}
    assert {rule["name"] for rule in rules if rule["state"] != "inactive"} <= {"WebsubDeadLetters"}

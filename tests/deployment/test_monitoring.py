"""Metrics, alert rules and the dashboard, with Prometheus' own tools and a real Prometheus that scrapes."""

import copy
import http.client
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import go_tools
import pytest
import yaml
from chart import objects

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
PROVISIONING = REPOSITORY / "deploy/compose/grafana"
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
RULES = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}

# Building helm takes minutes where Go has not built it before.
pytestmark = [
    pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's prometheus is not installed"),
    pytest.mark.timeout(900),
]


class Prometheus:
    """Scrapes the programs of a suite each second, and evaluates the alert rules."""

    def __init__(self, suite: Suite, directory: Path):
        self.url = f"http://127.0.0.1:{free_port()}"
        targets = [f"127.0.0.1:{program.port}" for program in suite.programs.values()]
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(FILES / "alerts.yaml")],
            # With the labels that the Prometheus operator gives to what a ServiceMonitor finds.
            "scrape_configs": [
                {
                    "job_name": "websub",
                    "static_configs": [
                        {"targets": [target], "labels": {"namespace": "events", "pod": f"pod-{number}"}}
                        for number, target in enumerate(targets)
                    ],
                }
            ],
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

    def is_ready(self) -> bool:
        """It listens some time before it takes questions."""
        assert self._process.poll() is None, Path(self._log.name).read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10) as response:
                return response.status == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str, **parameters: str) -> dict:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> list[dict]:
        try:
            return self.get("query", query=expression)["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read()}") from error

    def wait_query(self, expression: str) -> list[dict]:
        """Who does not answer a scrape within a second is missing until the next one."""
        return wait_for(lambda: self.query(expression), f"results of {expression}", pause=0.3)

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
    try:
        wait_for(prometheus.is_ready, "Prometheus to be ready", pause=0.1)
        yield prometheus
    finally:
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


# All, as the variable says it; and one.
@pytest.mark.parametrize("namespace", [VARIABLES["namespace"]["allValue"], "events"])
@pytest.mark.parametrize("title", PANELS)
def test_every_panel_has_data(prometheus, busy_suite, title, namespace):
    _, publish = busy_suite
    for target in PANELS[title]["targets"]:
        expression = target["expr"]
        for name, value in {"__rate_interval": "10s", "__range": "1m", "namespace": namespace}.items():
            expression = expression.replace(f"${name}", value)

        def has_data(expression: str = expression) -> bool:
            publish()
            results = prometheus.query(expression)
            return bool(results) and all(result["value"][1] != "NaN" for result in results)

        wait_for(has_data, f"data for {title}: {expression}", pause=0.3)


def test_panels_are_of_one_namespace_or_of_all(prometheus, busy_suite):
    """None leaves the choice out."""
    for panel in PANELS.values():
        for target in panel["targets"]:
            selectors = target["expr"].count('namespace=~"$namespace"')
            assert selectors == target["expr"].count("websub_"), target["expr"]
    query = VARIABLES["namespace"]["query"]
    metric, label = query.removeprefix("label_values(").removesuffix(")").split(", ")
    found = {result["metric"][label] for result in prometheus.wait_query(metric)}
    assert found == {"events"}


def test_grafana_knows_all_that_the_dashboard_says():
    assert go_tools.complaints("dashboard", json.dumps(DASHBOARD)) == []


UNKNOWN_IN = {
    "dashboard": lambda dashboard, panel: dashboard,
    "panel": lambda dashboard, panel: panel,
    "query": lambda dashboard, panel: panel["targets"][0],
    "options of the kind of panel": lambda dashboard, panel: panel["options"],
    "fields of the kind of panel": lambda dashboard, panel: panel["fieldConfig"]["defaults"]["custom"],
    "variable": lambda dashboard, panel: dashboard["templating"]["list"][0],
}


@pytest.mark.parametrize("part", UNKNOWN_IN)
def test_what_grafana_does_not_know_is_found(part):
    spoiled = copy.deepcopy(DASHBOARD)
    panel = next(panel for panel in spoiled["panels"] if panel["type"] == "timeseries")
    UNKNOWN_IN[part](spoiled, panel)["unheardOf"] = 1
    (complaint,) = go_tools.complaints("dashboard", json.dumps(spoiled))
    assert "unheardOf" in complaint


def test_dashboard_is_readable():
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in panels:
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"]


def test_dashboard_finds_its_data_everywhere():
    """It asks the source that was chosen, of the kind that the choice offers; compose provisions one."""
    asked = [VARIABLES["namespace"]["datasource"]]
    for panel in PANELS.values():
        asked += [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in asked)
    assert (VARIABLES["datasource"]["type"], VARIABLES["datasource"]["query"]) == ("datasource", "prometheus")

    provisioned = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text())["datasources"]
    (source,) = [source for source in provisioned if source["type"] == "prometheus"]
    assert source["isDefault"]
    url = urllib.parse.urlsplit(source["url"])
    (port,) = COMPOSE["services"][url.hostname]["ports"]
    assert port.endswith(f":{url.port}")


def test_compose_and_chart_have_the_same_dashboard():
    grafana = COMPOSE["services"]["grafana"]
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in grafana["volumes"])
    assert mounts[f"./{PROVISIONING.relative_to(REPOSITORY)}"] == "/etc/grafana/provisioning"
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/websub.yml").read_text())["providers"]
    shown = Path(mounts["./helm/files/dashboard.json"])
    assert str(shown.parent) == provider["options"]["path"]

    rendered = objects({"dashboard": {"enabled": True}})[("ConfigMap", "dashboard")]
    assert rendered["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(rendered["data"]["websub.json"]) == DASHBOARD


def test_keda_finds_the_backlog(prometheus):
    scaled = objects({"dispatcher": {"keda": {"enabled": True}}})[("ScaledObject", "dispatcher")]
    (trigger,) = scaled["spec"]["triggers"]
    (backlog,) = prometheus.wait_query(trigger["metadata"]["query"])
    assert float(backlog["value"][1]) >= 0


def test_prometheus_adapter_finds_the_backlog(prometheus):
    """With the rule of the README, filled in as the adapter does for the autoscaler's question."""
    readme = (REPOSITORY / "helm/README.md").read_text()
    (rule,) = yaml.safe_load(re.search(r"(?m)^    - seriesQuery:.*\n(    .*\n)+", readme)[0])
    scaler = objects({"dispatcher": {"autoscaling": {"enabled": True}}})
    (metric,) = scaler[("HorizontalPodAutoscaler", "dispatcher")]["spec"]["metrics"]
    name, selector = metric["pods"]["metric"]["name"], metric["pods"]["metric"]["selector"]["matchLabels"]

    def discovered() -> list[dict]:
        return prometheus.get("series", **{"match[]": rule["seriesQuery"]})

    series = wait_for(discovered, "the adapter's series", pause=0.3)
    assert {each["__name__"] for each in series} == {name}
    assert rule["resources"]["overrides"].keys() == {"namespace", "pod"}
    (pod,) = {each["pod"] for each in series}
    matchers = [f'{label}="{value}"' for label, value in selector.items()]
    matchers += ['namespace="events"', f'pod=~"{pod}"']
    query = rule["metricsQuery"].replace("<<.Series>>", name).replace("<<.GroupBy>>", "pod")
    (backlog,) = prometheus.wait_query(query.replace("<<.LabelMatchers>>", ",".join(matchers)))
    assert float(backlog["value"][1]) >= 0


def test_no_alert_is_pending_but_for_what_fails(prometheus):
    def evaluated() -> list[dict]:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] == "ok" for rule in rules) else []

    def active(rules: list[dict]) -> set[str]:
        return {rule["name"] for rule in rules if rule["state"] != "inactive"}

    def is_quiet() -> bool:
        rules = evaluated()
        return bool(rules) and active(rules) <= {"WebsubDeadLetters"}

    rules = wait_for(evaluated, "all rules evaluated", pause=0.3)
    assert {rule["name"] for rule in rules} == {rule["alert"] for rule in RULES}
    # Who does not answer a scrape within a second is missing until the next one.
    wait_for(is_quiet, lambda: f"nothing else but {active(evaluated())}", pause=0.3)

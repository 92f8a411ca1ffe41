"""The chart: what it renders is valid for Kubernetes, for the defaults and for every switch."""

import os
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from conftest import run
from harness.paths import REPOSITORY

CHART = REPOSITORY / "helm"
# Building helm takes minutes where Go has not built it before.
pytestmark = pytest.mark.timeout(900)

HELM_MODULE = "helm.sh/helm/v3/cmd/helm@v3.16.4"
KUBERNETES = "1.31"

# Of operators that bring their own kinds: Kubernetes' schemas do not have them.
CUSTOM = {"HTTPRoute", "PrometheusRule", "ScaledObject", "ServiceMonitor"}

SWITCHES = {
    "defaults": {},
    "a name of its own": {"fullnameOverride": "events"},
    "image by digest": {"image": {"digest": "sha256:" + "0" * 64}, "imagePullSecrets": [{"name": "pull"}]},
    "secret": {
        "existingSecret": "keys",
        "config": {"kafka": {"properties": ["file:/etc/websub/secrets/kafka"]}},
    },
    "TLS": {"tlsSecret": "certificate"},
    "no service account": {"serviceAccount": {"create": False}},
    "fixed number of hubs": {"hub": {"autoscaling": {"enabled": False}, "replicas": 3}},
    "load balancer": {"hub": {"service": {"type": "LoadBalancer", "port": 443, "annotations": {"a": "b"}}}},
    "dispatchers by HPA": {"dispatcher": {"autoscaling": {"enabled": True}}},
    "dispatchers by KEDA": {"dispatcher": {"keda": {"enabled": True}}},
    "no disruption budgets": {
        name: {"podDisruptionBudget": {"enabled": False}} for name in ("hub", "consolidator", "dispatcher")
    },
    "no topology spread": {"topologySpread": {"enabled": False}},
    "ingress": {
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "web", "operatorPaths": True}
    },
    "gateway": {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "operatorPaths": True}},
    "no network policies": {"networkPolicy": {"enabled": False}},
    "closed networks": {
        "networkPolicy": {
            "hubFrom": [{"namespaceSelector": {}}],
            "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
            "hubEgress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
        }
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "monitoring"}},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
    "scheduling": {
        name: {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "priorityClassName": "high",
            "podAnnotations": {"a": "b"},
            "podLabels": {"team": "events"},
            "extraEnv": [{"name": "WEBSUB_LOG_LEVEL", "value": "debug"}],
        }
        for name in ("hub", "consolidator", "dispatcher")
    },
}

REFUSED = {
    "unknown value": {"replicas": 3},
    "unknown key of the programs": {"config": {"hub": {"lease_secondsmax": 60}}},
    "unknown section": {"config": {"hubs": {}}},
    "wrong type": {"hub": {"replicas": "two"}},
    "what the chart sets itself": {"config": {"hub": {"port": 80}}},
    "two autoscalers": {"dispatcher": {"autoscaling": {"enabled": True}, "keda": {"enabled": True}}},
    "route without a gateway": {"httpRoute": {"enabled": True}},
}


@pytest.fixture(scope="session")
def helm() -> Path:
    """Built once, by its Go module."""
    path = REPOSITORY / "build/tests/bin/helm"
    if path.exists():
        return path
    if not shutil.which("go"):
        pytest.skip("Go, which builds helm, is not installed")
    done = subprocess.run(
        ["go", "install", HELM_MODULE],
        env=os.environ | {"GOBIN": str(path.parent)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"helm cannot be built here: {done.stderr[-500:]}")
    return path


def template(helm: Path, values: dict, directory: Path) -> subprocess.CompletedProcess:
    file = directory / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [helm, "template", "release", CHART, "--namespace", "events", "--kube-version", KUBERNETES]
    return subprocess.run([*command, "--values", file], capture_output=True, text=True, check=False)


def objects(helm: Path, values: dict, directory: Path) -> dict[tuple[str, str], dict]:
    done = template(helm, values, directory)
    assert done.returncode == 0, done.stderr
    found = [document for document in yaml.safe_load_all(done.stdout) if document]
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(by_name) == len(found), "two objects have one name"
    return by_name


def test_lint(helm):
    assert "0 chart(s) failed" in run(helm, "lint", "--strict", CHART)


def test_schema_has_what_the_programs_can_be_configured_with():
    run(CHART / "make-schema", "--check")


@pytest.mark.parametrize("values", SWITCHES.values(), ids=SWITCHES.keys())
def test_renders_valid_objects(helm, values, tmp_path):
    for (kind, name), each in objects(helm, values, tmp_path).items():
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "websub", (kind, name)
        if kind not in CUSTOM:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)


@pytest.mark.parametrize("values", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(helm, values, tmp_path):
    done = template(helm, values, tmp_path)
    assert done.returncode != 0 and done.stderr.startswith("Error: "), done


@pytest.mark.parametrize("values", SWITCHES.values(), ids=SWITCHES.keys())
def test_programs_accept_the_configuration(helm, values, tmp_path):
    """Each would start with the variables that its pod gets, but for the files of secrets."""
    found = objects(helm, values, tmp_path)
    (config,) = [
        each for (kind, name), each in found.items() if kind == "ConfigMap" and name.endswith("-config")
    ]
    secrets = {
        "WEBSUB_KAFKA_PROPERTIES",
        "WEBSUB_SECURITY_TLS_CERTIFICATE_FILE",
        "WEBSUB_SECURITY_TLS_KEY_FILE",
    }
    variables = {name: value for name, value in config["data"].items() if name not in secrets}
    assert all(isinstance(value, str) for value in variables.values())
    for program in ("hub", "consolidator", "dispatcher"):
        command = [REPOSITORY / f"build/bin/websub-{program}", "--check-config"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_pods_are_confined_and_have_time_to_end(helm, tmp_path):
    found = objects(helm, {"existingSecret": "keys"}, tmp_path)
    deployments = [each for (kind, _), each in found.items() if kind == "Deployment"]
    assert len(deployments) == 3
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
        assert container["resources"]["requests"] and "memory" in container["resources"]["limits"]
        # dispatcher.shutdown_grace is 10 s, and leaving the group takes some seconds.
        assert pod["terminationGracePeriodSeconds"] >= 30


def test_only_dispatchers_may_call_out(helm, tmp_path):
    policies = {
        name: each["spec"]["egress"]
        for (kind, name), each in objects(helm, {}, tmp_path).items()
        if kind == "NetworkPolicy"
    }
    assert policies["release-websub-dispatcher"] == [{}]
    for program in ("hub", "consolidator"):
        ports = {port["port"] for rule in policies[f"release-websub-{program}"] for port in rule["ports"]}
        assert ports == {53, 9092, 9093, 9094}

"""The chart: what it renders is valid for Kubernetes, for the defaults and for every switch."""

import json
import re
import subprocess

import go_tools
import kubernetes_validate
import pytest
import yaml
from chart import CHART, KUBERNETES, PROGRAMS, WITH_USERS, notes, objects, template

from conftest import run
from harness.paths import REPOSITORY

# Building helm takes minutes where Go has not built it before.
pytestmark = pytest.mark.timeout(900)

SWITCHES = {
    "defaults": {},
    "a name of its own": {"fullnameOverride": "events"},
    "image by digest": {"image": {"digest": "sha256:" + "0" * 64}, "imagePullSecrets": [{"name": "pull"}]},
    "secret": {
        "existingSecret": "keys",
        "config": {
            "kafka": {
                "properties": [
                    "file:/etc/websub/secrets/kafka",
                    "security.protocol=SASL_SSL",
                    "sasl.oauthbearer.token.endpoint.url=https://login.example.org/token",
                ]
            },
            "security": {"secret_keys": ["file:/etc/websub/secrets/keys"]},
        },
    },
    "secrets of others": {
        "extraVolumes": [{"name": "ca", "secret": {"secretName": "kafka-cluster-ca-cert"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/kafka-ca", "readOnly": True}],
        "extraEnvFrom": [{"secretRef": {"name": "more"}}],
    },
    "TLS": {"tlsSecret": "certificate"},
    "users": {"existingSecret": "keys", "config": WITH_USERS},
    "mode as text": {"config": {"auth": {"mode": "basic", "basic_users_file": "/etc/websub/secrets/users"}}},
    "tracing": {
        "config": {
            "tracing": {"otlp_url": "http://collector:4318/v1/traces", "headers": ["X-Scope=a,b", "X-Org=c"]}
        }
    },
    "no service account": {"serviceAccount": {"create": False}},
    "any user": {"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}},
    "fixed number of hubs": {"hub": {"autoscaling": {"enabled": False}, "replicas": 3}},
    "load balancer": {
        "config": WITH_USERS,
        "hub": {"service": {"type": "LoadBalancer", "port": 443, "annotations": {"a": "b"}}},
    },
    "dispatchers by HPA": {"dispatcher": {"autoscaling": {"enabled": True}}},
    "dispatchers by KEDA": {"dispatcher": {"keda": {"enabled": True}}},
    "KEDA with another query": {
        "dispatcher": {
            "keda": {
                "enabled": True,
                "query": 'sum(backlog{job="websub"})',
                "authenticationRef": {"name": "prometheus"},
                "authModes": "bearer",
            }
        }
    },
    "no disruption budgets": {name: {"podDisruptionBudget": {"enabled": False}} for name in PROGRAMS},
    "no topology spread": {"topologySpread": {"enabled": False}},
    "ingress": {
        "config": WITH_USERS,
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "web", "operatorPaths": True},
    },
    "gateway": {
        "config": WITH_USERS,
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "operatorPaths": True},
    },
    "open to everybody": {"ingress": {"enabled": True}, "exposeWithoutAuthentication": True},
    "no network policies": {"networkPolicy": {"enabled": False}},
    "closed networks": {
        "networkPolicy": {
            "hubFrom": [{"namespaceSelector": {}}],
            "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
            "hubEgress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
            "kafkaEgress": [{"ports": [{"port": 88, "protocol": "UDP"}]}],
            "dispatcherEgress": [{"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}],
        }
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "monitoring"}},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True, "annotations": {"grafana_folder": "WebSub"}},
    },
    "monitoring by TLS": {"tlsSecret": "certificate", "serviceMonitor": {"enabled": True}},
    "scheduling": {
        name: {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "priorityClassName": "high",
            "annotations": {"reloader.stakater.com/auto": "true"},
            "podAnnotations": {"a": "b"},
            "podLabels": {"team": "events"},
            "extraEnv": [{"name": "WEBSUB_LOG_LEVEL", "value": "debug"}],
            "extraContainers": [{"name": "policy", "image": "opa"}],
        }
        for name in PROGRAMS
    },
}

REFUSED = {
    "unknown value": ({"replicas": 3}, "replicas"),
    "unknown key of the programs": ({"config": {"hub": {"lease_secondsmax": 60}}}, "lease_secondsmax"),
    "unknown section": ({"config": {"hubs": {}}}, "hubs"),
    "wrong type": ({"hub": {"replicas": "two"}}, "hub.replicas"),
    "what the chart sets itself": ({"config": {"hub": {"port": 80}}}, "port"),
    "two autoscalers": (
        {"dispatcher": {"autoscaling": {"enabled": True}, "keda": {"enabled": True}}},
        "two controllers",
    ),
    "no dispatcher, and so nobody who tells of a backlog": (
        {"dispatcher": {"keda": {"enabled": True, "minReplicas": 0}}},
        "dispatcher.keda.minReplicas",
    ),
    "route without a gateway": (
        {"config": WITH_USERS, "httpRoute": {"enabled": True}},
        "httpRoute.parentRefs",
    ),
    "route that does not tell the hub's name": (
        {
            "config": WITH_USERS,
            "httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}], "hostnames": ["*.example.org"]},
        },
        "hub.publicUrl",
    ),
    "a budget that stops all drains": (
        {"hub": {"podDisruptionBudget": {"maxUnavailable": 0}}},
        "hub.podDisruptionBudget.maxUnavailable",
    ),
    "open to the world by ingress": ({"ingress": {"enabled": True}}, "config.auth.mode"),
    "open to the world by a gateway": (
        {"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}},
        "config.auth.mode",
    ),
    "open to the world by a load balancer": (
        {"hub": {"service": {"type": "LoadBalancer"}}},
        "config.auth.mode",
    ),
    "a key": ({"config": {"security": {"secret_keys": ["2026=c2VjcmV0"]}}}, "config.security.secret_keys"),
    "a key as text": ({"config": {"security": {"secret_keys": "2026=c2VjcmV0"}}}, "secret_keys"),
    "a password": (
        {"config": {"kafka": {"properties": ["sasl.username=u", "sasl.password=p"]}}},
        "config.kafka.properties",
    ),
    "a password in a text": (
        {"config": {"kafka": {"properties": "sasl.username=u;sasl.password=p"}}},
        "config.kafka.properties",
    ),
    "a token": ({"config": {"tracing": {"headers": ["Authorization=Bearer t"]}}}, "config.tracing.headers"),
    "a client's secret": (
        {"config": {"auth": {"introspection_client_secret": "s"}}},
        "config.auth.introspection_client_secret",
    ),
    "no time for a hub to stop": ({"config": {"hub": {"view_timeout": "1m"}}}, "75 seconds"),
    "no time for a dispatcher to stop": (
        {"config": {"dispatcher": {"shutdown_grace": "1m"}}},
        "dispatcher.terminationGracePeriodSeconds",
    ),
}


def test_lint():
    assert "0 chart(s) failed" in run(go_tools.helm(), "lint", "--strict", CHART)


def test_package_holds_what_is_installed_only(tmp_path):
    run(go_tools.helm(), "package", CHART, "--destination", tmp_path)
    (archive,) = tmp_path.glob("*.tgz")
    names = run("tar", "tzf", archive).splitlines()
    assert "websub/files/dashboard.json" in names and "websub/README.md" in names
    assert not [name for name in names if "make-schema" in name or "alerts_test" in name]


def test_schema_has_what_the_programs_can_be_configured_with():
    run(CHART / "make-schema", "--check")


@pytest.mark.parametrize("values", SWITCHES.values(), ids=SWITCHES.keys())
def test_renders_valid_objects(values):
    custom = []
    for (kind, name), each in objects(values).items():
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "websub", (kind, name)
        if kind in go_tools.DEFINITIONS:
            custom.append(each)
        else:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
    definitions = [go_tools.definition(kind) for kind in go_tools.DEFINITIONS]
    assert go_tools.complaints("custom", json.dumps(custom), *definitions) == []


def test_every_kind_of_operators_is_rendered_by_some_switch():
    kinds = {kind for values in SWITCHES.values() for kind, _ in objects(values)}
    assert set(go_tools.DEFINITIONS) <= kinds


SPOILED = {
    "ScaledObject": lambda spec: spec["fallback"].update(replica=1),
    "ServiceMonitor": lambda spec: spec["endpoints"][0].update(interval="15"),
    "PrometheusRule": lambda spec: spec["groups"][0]["rules"][0].update(fro="2m"),
    # Only a rule in CEL knows that.
    "HTTPRoute": lambda spec: spec["rules"][0]["matches"][0]["path"].update(value="/a//b"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_what_operators_would_refuse_is_found(kind):
    (values,) = [
        values
        for name, values in SWITCHES.items()
        if name == {"ScaledObject": "dispatchers by KEDA", "HTTPRoute": "gateway"}.get(kind, "monitoring")
    ]
    found = next(each for (each_kind, _), each in objects(values).items() if each_kind == kind)
    SPOILED[kind](found["spec"])
    complaints = go_tools.complaints("custom", json.dumps([found]), go_tools.definition(kind))
    assert complaints and all(kind in complaint for complaint in complaints)


@pytest.mark.parametrize("values, what", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(values, what):
    done = template(values)
    assert done.returncode != 0 and done.stderr.startswith("Error: ") and what in done.stderr, done


@pytest.mark.parametrize("values", SWITCHES.values(), ids=SWITCHES.keys())
def test_programs_accept_the_configuration(values):
    """Each would start with the variables that its pod gets, but for the files of secrets."""
    found = objects(values)
    (config,) = [
        each for (kind, name), each in found.items() if kind == "ConfigMap" and name.endswith("config")
    ]
    secrets = ("/etc/websub/secrets/", "/etc/websub/tls/")
    variables = {
        name: value
        for name, value in config["data"].items()
        if not any(path in value for path in secrets) and name != "WEBSUB_AUTH_MODE"
    }
    assert all(isinstance(value, str) for value in variables.values())
    for program in PROGRAMS:
        command = [REPOSITORY / f"build/bin/websub-{program}", "--check-config"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


# Documented as one, whatever is in it.
WHOLE = {"config", "labels", "podSecurityContext", "resources"}


def leaves(values: dict, prefix: str = "") -> set[str]:
    found = set()
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in WHOLE:
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found.add(f"{prefix}{key}")
    return found


def documented() -> set[str]:
    """The names in the table of values; one that begins with a point has the parent of the one before."""
    found = set()
    table = (CHART / "README.md").read_text().partition("| value | default | meaning |")[2]
    for line in table.splitlines():
        if not line.startswith("| `"):
            continue
        parent = ""
        for name in re.findall(r"`([^`]+)`", line.split("|")[1]):
            full = parent + name if name.startswith(".") else name
            parent = full.rpartition(".")[0]
            found |= {full.replace("PROGRAM", program) for program in PROGRAMS}
    return {name.removesuffix(".SECTION.KEY") for name in found}


def test_every_value_is_documented():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert documented() == leaves(values)


@pytest.mark.parametrize(
    "switch", ["defaults", "secret", "users", "mode as text", "TLS", "gateway", "open to everybody"]
)
def test_notes_warn_of_what_is_open(switch, tmp_path):
    values = SWITCHES[switch]
    told = notes(values, tmp_path)
    config = values.get("config", {})
    assert ("WARNING" in told) == ("auth" not in config)
    assert ("not encrypted" in told) == ("secret_keys" not in config.get("security", {}))
    assert "helm test release --namespace events" in told
    assert ("https://127.0.0.1" in told) == ("tlsSecret" in values)
    assert ("--user" in told) == ("auth" in config)

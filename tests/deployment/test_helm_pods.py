"""The chart's pods: confined, with time to end, and with the connections that they need and no more."""

import json

import go_tools
import pytest
from chart import PROGRAMS, objects

pytestmark = pytest.mark.timeout(900)

PROMETHEUS = {"podSelector": {"matchLabels": {"app": "prometheus"}}}
GATEWAYS = {"namespaceSelector": {"matchLabels": {"name": "gateways"}}}
PROVIDERS = {
    "config": {
        "kafka": {"bootstrap_servers": "a.example.org:19092, b.example.org:19093"},
        "auth": {
            "jwks_url": "https://login.example.org/keys",
            "introspection_url": "https://login.example.org:8443/introspect",
            "mosip_base_url": "http://auth.example.org",
            "policy_url": "http://127.0.0.1:8181/v1/data/websub/allow",
        },
        "notices": {"enabled": True, "webhook_url": "https://notices.example.org:9443/"},
        "tracing": {"otlp_url": "http://collector:4318/v1/traces"},
    }
}


def pods(values: dict) -> dict[str, dict]:
    """What has one: three Deployments, and helm's test."""
    return {name: each for (kind, name), each in objects(values).items() if kind in ("Deployment", "Pod")}


def pod_of(each: dict) -> dict:
    return each["spec"]["template"]["spec"] if each["kind"] == "Deployment" else each["spec"]


@pytest.mark.parametrize(
    "values",
    [{}, {"existingSecret": "keys", "tlsSecret": "tls"}, {"podSecurityContext": {"runAsUser": None}}],
    ids=["defaults", "secrets", "any user"],
)
def test_restricted_namespaces_admit_them(values):
    found = list(pods(values).values())
    assert len(found) == 4
    assert go_tools.complaints("pods", json.dumps(found)) == []


def test_what_restricted_namespaces_refuse_is_found():
    found = list(pods({"podSecurityContext": {"seccompProfile": None, "runAsNonRoot": None}}).values())
    complaints = go_tools.complaints("pods", json.dumps(found))
    assert len(complaints) == 8 and "seccompProfile" in "".join(complaints)


def test_are_confined():
    for name, each in pods({"existingSecret": "keys"}).items():
        pod = pod_of(each)
        (container,) = pod["containers"]
        assert not pod["automountServiceAccountToken"] and not pod["enableServiceLinks"], name
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["command"][0].startswith("/usr/bin/websub")  # there is no shell
        assert container["resources"]["requests"] and "memory" in container["resources"]["limits"]
        if each["kind"] == "Deployment":
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


def test_can_be_pulled_and_placed_alike():
    values = {
        "imagePullSecrets": [{"name": "pull"}],
        "image": {"repository": "registry.example.org/websub"},
        "serviceAccount": {"create": False, "name": "mine"},
    } | {name: {"tolerations": [{"key": "events"}], "nodeSelector": {"disk": "ssd"}} for name in PROGRAMS}
    for each in pods(values).values():
        pod = pod_of(each)
        assert pod["imagePullSecrets"] == [{"name": "pull"}] and pod["serviceAccountName"] == "mine"
        assert pod["tolerations"] == [{"key": "events"}] and pod["nodeSelector"] == {"disk": "ssd"}
        assert pod["containers"][0]["image"] == "registry.example.org/websub:0.1.0"


def test_any_user_means_any():
    for each in pods({"podSecurityContext": dict.fromkeys(["runAsUser", "runAsGroup", "fsGroup"])}).values():
        assert pod_of(each)["securityContext"].keys() == {"runAsNonRoot", "seccompProfile"}


def test_changed_configuration_rolls_the_pods():
    def sums(values: dict) -> set[str]:
        return {
            each["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            for each in pods(values).values()
            if each["kind"] == "Deployment"
        }

    (before,), (after,) = sums({}), sums({"config": {"log": {"level": "debug"}}})
    assert before != after


def test_rolling_updates_keep_all_that_serve():
    for each in pods({}).values():
        if each["kind"] == "Deployment":
            assert each["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@pytest.mark.parametrize("kubernetes, field", [("1.31", "AlwaysAllow"), ("1.25", None)])
def test_nodes_can_be_drained(kubernetes, field):
    """Also with one replica, and with pods that are not ready for want of Kafka."""
    one = {name: {"replicas": 1} for name in PROGRAMS}
    budgets = [
        each
        for (kind, _), each in objects(one, kubernetes=kubernetes).items()
        if kind == "PodDisruptionBudget"
    ]
    assert len(budgets) == 3
    for budget in budgets:
        assert budget["spec"]["maxUnavailable"] == 1 and "minAvailable" not in budget["spec"]
        assert budget["spec"].get("unhealthyPodEvictionPolicy") == field


def policies(values: dict) -> dict[str, dict]:
    return {name: each["spec"] for (kind, name), each in objects(values).items() if kind == "NetworkPolicy"}


def ports(policy: dict) -> set[int]:
    return {port["port"] for rule in policy["egress"] for port in rule["ports"]}


def test_only_dispatchers_may_call_out():
    found = policies({})
    assert found["dispatcher"]["egress"] == [{}]
    for program in ("hub", "consolidator"):
        assert ports(found[program]) == {53, 9092, 9093, 9094}


def test_what_is_configured_can_be_reached():
    found = policies(PROVIDERS)
    kafka = {53, 9092, 9093, 9094, 19092, 19093}
    assert ports(found["consolidator"]) == kafka
    # The policy agent is in the same pod, the notices are the dispatchers'.
    assert ports(found["hub"]) == kafka | {443, 8443, 80, 4318}
    assert found["dispatcher"]["egress"] == [{}]


def test_dispatchers_can_be_kept_to_some_networks():
    partners = {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}
    realm = {"ports": [{"port": 88, "protocol": "UDP"}]}
    limits = {"dispatcherEgress": [partners], "kafkaEgress": [realm], "dnsPorts": [5353]}
    found = policies(PROVIDERS | {"networkPolicy": limits})
    *rules, last = found["dispatcher"]["egress"]
    assert last == partners and realm in rules
    assert ports({"egress": rules}) == {5353, 88, 9092, 9093, 9094, 19092, 19093, 9443, 4318}
    assert realm in found["hub"]["egress"] and realm in found["consolidator"]["egress"]


def sources(policy: dict) -> list[dict] | None:
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    return rule.get("from")


def test_everybody_may_come_in_unless_told_otherwise():
    found = policies({})
    assert [sources(found[program]) for program in PROGRAMS] == [None] * 3


def test_those_who_read_metrics_and_the_test_reach_a_closed_hub():
    values = {"networkPolicy": {"hubFrom": [GATEWAYS], "metricsFrom": [PROMETHEUS]}}
    found = policies(values)
    *told, test = sources(found["hub"])
    assert told == [GATEWAYS, PROMETHEUS]
    labels = pods(values)["test"]["metadata"]["labels"]
    assert test["podSelector"]["matchLabels"].items() <= labels.items()
    assert sources(found["consolidator"]) == sources(found["dispatcher"]) == [PROMETHEUS]


def test_the_test_may_ask_the_hub_and_nobody_may_ask_it():
    policy = policies({})["test"]
    assert "ingress" not in policy and "Ingress" in policy["policyTypes"]
    dns, hub = policy["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert hub["ports"] == [{"port": 9191, "protocol": "TCP"}]
    (target,) = hub["to"]
    labels = pods({})["hub"]["spec"]["template"]["metadata"]["labels"]
    assert target["podSelector"]["matchLabels"].items() <= labels.items()


def test_secrets_of_others_are_in_all_programs():
    values = {
        "existingSecret": "keys",
        "extraVolumes": [{"name": "ca", "secret": {"secretName": "kafka-cluster-ca-cert"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/kafka-ca", "readOnly": True}],
        "extraEnvFrom": [{"secretRef": {"name": "more"}}],
    }
    found = pods(values)
    for program in PROGRAMS:
        pod = pod_of(found[program])
        (container,) = pod["containers"]
        assert [volume["name"] for volume in pod["volumes"]] == ["secrets", "ca"]
        assert [mount["name"] for mount in container["volumeMounts"]] == ["secrets", "ca"]
        assert {"secretRef": {"name": "more"}} in container["envFrom"]


def test_public_address_follows_the_way_in():
    def told(values: dict) -> str:
        return objects({"exposeWithoutAuthentication": True} | values)[("ConfigMap", "config")]["data"][
            "WEBSUB_HUB_PUBLIC_URL"
        ]

    route = {"enabled": True, "parentRefs": [{"name": "a"}], "hostnames": ["a.example.org"]}
    assert told({}) == "http://release-websub-hub.events.svc:80/hub"
    assert told({"tlsSecret": "a"}) == "https://release-websub-hub.events.svc:80/hub"
    assert told({"httpRoute": route}) == "https://a.example.org/hub"
    assert told({"ingress": {"enabled": True}}) == "http://hub.example.org/hub"
    assert told({"ingress": {"enabled": True, "tlsSecret": "a"}}) == "https://hub.example.org/hub"
    assert told({"httpRoute": route, "hub": {"publicUrl": "https://b/hub"}}) == "https://b/hub"


def test_lists_reach_the_programs_whole():
    values = {"config": {"tracing": {"headers": ["X-A=1,2", "X-B=3"]}, "auth": {"role_claims": ["a", "b"]}}}
    data = objects(values)[("ConfigMap", "config")]["data"]
    assert data["WEBSUB_TRACING_HEADERS"] == "X-A=1,2;X-B=3"
    assert data["WEBSUB_AUTH_ROLE_CLAIMS"] == "a,b"

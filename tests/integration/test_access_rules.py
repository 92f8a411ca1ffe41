"""auth.rules, MOSIP's roles and operators: who may do what to which topics. Users are those of "basic"."""

import pytest

from harness import planted
from harness.hub_client import Answer
from harness.suite import Suite
from harness.topics import new_topic
from harness.users import UsersFile, basic

RULES = [
    "register,publish orders/{region} role:ORDERS_{region}",
    "subscribe,unsubscribe orders/* role:READER",
    "* {user}/* any",
    "publish news user:editor",
    "register,deregister news user:editor",
    "subscribe * role:AUDITOR",
    "* pairs/{a}/{a} any",
]
USERS = {
    "eu": "ORDERS_EU",
    "us": "other ORDERS_US",
    "reader": "READER",
    "editor": "",
    "auditor": "AUDITOR",
    "nobody": "",
    "root": "websub-operator",
    "service-account-client": "",
}
CALLBACK = "http://127.0.0.1:9/callback"


@pytest.fixture(scope="module")
def rules_suite(kafka, tmp_path_factory):
    users = UsersFile(tmp_path_factory.mktemp("users") / "users", USERS)
    settings = users.settings() | {"WEBSUB_AUTH_RULES": ";".join(RULES)}
    directory = tmp_path_factory.mktemp("rules")
    with Suite(kafka.bootstrap, directory, "access-rules-", dispatchers=0, settings=settings) as suite:
        suite.start()
        operator = suite.hub(headers=basic("root"))
        for topic in ("orders/EU", "orders/EU/Berlin", "news", "eu/inbox", "client/inbox", "pairs/x/x"):
            operator.register(topic).check_accepted()
        yield suite


def request(suite, user: str, operation: str, topic: str) -> Answer:
    hub = suite.hub(headers=basic(user))
    if operation == "publish":
        return hub.publish(topic, planted.payload())
    if operation in ("subscribe", "unsubscribe"):
        return getattr(hub, operation)(topic, CALLBACK)
    return getattr(hub, operation)(topic)


def check_forbidden(answer: Answer) -> None:
    answer.check_denied(403)
    assert answer.reason == "not allowed for this topic"
    assert answer.header("WWW-Authenticate") is None


ALLOWED = [
    ("eu", "register", "orders/EU"),
    ("eu", "publish", "orders/EU"),
    ("us", "register", "orders/US"),
    ("reader", "subscribe", "orders/EU"),
    ("reader", "subscribe", "orders/EU/Berlin"),
    ("reader", "unsubscribe", "orders/EU/Berlin"),
    ("eu", "publish", "eu/inbox"),
    ("eu", "subscribe", "eu/inbox"),
    ("eu", "register", "eu/a/b/c"),
    ("editor", "publish", "news"),
    ("auditor", "subscribe", "news"),
    ("auditor", "subscribe", "orders/EU/Berlin"),
    ("nobody", "publish", "pairs/x/x"),
    ("service-account-client", "publish", "client/inbox"),
    ("root", "publish", "orders/EU"),
    ("root", "subscribe", "news"),
    ("root", "unsubscribe", "news"),
]
FORBIDDEN = [
    ("us", "publish", "orders/EU"),
    ("us", "register", "orders/EU"),
    ("eu", "deregister", "orders/EU"),
    ("eu", "subscribe", "orders/EU"),
    ("eu", "publish", "orders/EU/Berlin"),
    ("eu", "publish", "orders/{region}"),
    ("eu", "publish", "orders/"),
    ("eu", "publish", "orders//EU"),
    ("reader", "publish", "orders/EU"),
    ("reader", "subscribe", "orders"),
    ("reader", "subscribe", "news"),
    ("nobody", "subscribe", "orders/EU"),
    ("nobody", "publish", "eu/inbox"),
    ("us", "publish", "eu/inbox"),
    ("nobody", "publish", "{user}/inbox"),
    ("nobody", "publish", "nobody"),
    ("nobody", "publish", "editor"),
    ("eu", "publish", "news"),
    ("editor", "subscribe", "news"),
    ("auditor", "unsubscribe", "news"),
    ("auditor", "publish", "news"),
    ("nobody", "publish", "pairs/x/y"),
    ("nobody", "publish", "pairs/x"),
    ("service-account-client", "publish", "service-account-client/inbox"),
    ("nobody", "register", "anything"),
    ("nobody", "deregister", "http://publisher.example/feed"),
]


def name(case: tuple) -> str:
    return "-".join(case).replace("/", "_")


@pytest.mark.parametrize("case", ALLOWED, ids=map(name, ALLOWED))
def test_what_a_rule_allows(rules_suite, case):
    user, operation, topic = case
    subscribing = operation in ("subscribe", "unsubscribe")
    request(rules_suite, user, operation, topic).check_accepted(202 if subscribing else 200)


@pytest.mark.parametrize("case", FORBIDDEN, ids=map(name, FORBIDDEN))
def test_what_no_rule_allows(rules_suite, case):
    check_forbidden(request(rules_suite, *case))


def test_forbidden_before_anything_is_told(rules_suite):
    """Not 404: who may not use a topic does not learn whether it is there."""
    check_forbidden(request(rules_suite, "nobody", "publish", "orders/EU"))
    check_forbidden(request(rules_suite, "nobody", "publish", "orders/there-is-none"))


def test_operator_may_deregister_everything(rules_suite):
    request(rules_suite, "root", "register", "of/somebody").check_accepted()
    request(rules_suite, "root", "deregister", "of/somebody").check_accepted()


def test_spellings_of_a_url_are_one_topic(rules_suite):
    """An encoded name must not go round a rule."""
    check_forbidden(request(rules_suite, "nobody", "publish", "http://x/%61"))


@pytest.fixture(scope="module")
def auto_suite(kafka, tmp_path_factory):
    rules = ["* open/* any", "publish,subscribe known/* any", "register known/* role:REGISTRAR"]
    users = UsersFile(tmp_path_factory.mktemp("users") / "users", {"alice": "", "carol": "REGISTRAR"})
    settings = users.settings() | {
        "WEBSUB_AUTH_RULES": ";".join(rules),
        "WEBSUB_HUB_AUTO_REGISTER": "true",
    }
    directory = tmp_path_factory.mktemp("auto")
    with Suite(kafka.bootstrap, directory, "auto-", dispatchers=0, settings=settings) as suite:
        yield suite.start()


def test_registering_on_first_use_needs_the_right_to_register(auto_suite):
    request(auto_suite, "alice", "publish", "open/a").check_accepted()
    request(auto_suite, "alice", "publish", "known/a").check_denied(404)
    request(auto_suite, "alice", "subscribe", "known/a").check_denied(404)
    request(auto_suite, "carol", "publish", "known/a").check_accepted()
    request(auto_suite, "alice", "publish", "known/a").check_accepted()
    request(auto_suite, "alice", "subscribe", "known/a").check_accepted(202)


@pytest.fixture(scope="module")
def mosip_suite(kafka, tmp_path_factory):
    roles = {
        "publisher": "PUBLISH_ISSUED_ALL_INDIVIDUAL PUBLISH_NEWS_GENERAL",
        "service-account-partner-1": "SUBSCRIBE_ISSUED_INDIVIDUAL",
        "reader": "SUBSCRIBE_NEWS_GENERAL",
    }
    users = UsersFile(tmp_path_factory.mktemp("users") / "users", roles)
    settings = users.settings() | {"WEBSUB_AUTH_MOSIP_SCOPES": "true"}
    directory = tmp_path_factory.mktemp("mosip")
    with Suite(kafka.bootstrap, directory, "mosip-rules-", dispatchers=0, settings=settings) as suite:
        suite.start()
        publisher = suite.hub(headers=basic("publisher"))
        for topic in ("partner-1/ISSUED", "partner-2/ISSUED", "NEWS"):
            publisher.register(topic).check_accepted()
        yield suite


PARTNER = "service-account-partner-1"
MOSIP = [
    ("publisher", "publish", "partner-1/ISSUED", 200),
    ("publisher", "publish", "partner-2/ISSUED", 200),
    ("publisher", "publish", "NEWS", 200),
    ("publisher", "publish", "ISSUED", 403),
    ("publisher", "publish", "partner-1/NEWS", 403),
    ("publisher", "subscribe", "partner-1/ISSUED", 403),
    ("publisher", "subscribe", "NEWS", 403),
    (PARTNER, "subscribe", "partner-1/ISSUED", 202),
    (PARTNER, "unsubscribe", "partner-1/ISSUED", 202),
    (PARTNER, "subscribe", "partner-2/ISSUED", 403),
    (PARTNER, "subscribe", "NEWS", 403),
    (PARTNER, "subscribe", "service-account-partner-1/ISSUED", 403),
    (PARTNER, "publish", "partner-1/ISSUED", 403),
    (PARTNER, "register", "partner-1/ISSUED", 403),
    (PARTNER, "deregister", "partner-1/ISSUED", 403),
    ("reader", "subscribe", "NEWS", 202),
    ("reader", "subscribe", "reader/NEWS", 403),
    ("reader", "publish", "NEWS", 403),
]


@pytest.mark.parametrize("case", MOSIP, ids=[name(case[:3]) for case in MOSIP])
def test_mosips_roles(mosip_suite, case):
    *asked, expected = case
    answer = request(mosip_suite, *asked)
    if expected == 403:
        check_forbidden(answer)
    else:
        answer.check_accepted(expected)


def test_without_rules_whoever_is_known_may_do_everything(kafka, tmp_path):
    users = UsersFile(tmp_path / "users", {"alice": ""})
    settings = users.settings()
    with Suite(kafka.bootstrap, tmp_path, "norules-", dispatchers=0, settings=settings) as suite:
        suite.start()
        topic = new_topic()
        for operation in ("register", "publish", "deregister"):
            request(suite, "alice", operation, topic).check_accepted()
        suite.hub().register(topic).check_denied(401)

"""What the integration and fault tests share: one Kafka, one running suite, one subscriber."""

import pytest

from harness import planted
from harness.kafka import KafkaBroker
from harness.kafka_view import KafkaView
from harness.settle import subscribe
from harness.site import TEXT, Page
from harness.subscriber import Subscriber
from harness.suite import Suite, open_suites
from harness.topics import new_topic

pytest_plugins = ["harness.console_fixtures"]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """A broker that runs for the whole session; who wants to stop one starts a broker of its own."""
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def kafka_view(kafka):
    view = KafkaView(kafka.client)
    yield view
    view.close()


@pytest.fixture(scope="session")
def shared_suite(kafka, tmp_path_factory):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("shared"), "shared-", hubs=2) as suite:
        yield suite


@pytest.fixture
def suite(shared_suite):
    """The running suite that most tests share: they keep apart by their topics."""
    return shared_suite.start()


@pytest.fixture
def hub(suite):
    client = suite.hub()
    yield client
    client.close()


@pytest.fixture
def topic(hub, request) -> str:
    """A registered topic of the test's own."""
    topic = new_topic(request.node.originalname)
    hub.register(topic).check_accepted()
    return topic


@pytest.fixture
def page(hub, subscriber) -> Page:
    """A registered topic that can be fetched."""
    page = Page(subscriber, planted.payload("first"), TEXT)
    hub.register(page.url).check_accepted()
    return page


@pytest.fixture
def endpoint(hub, page, subscriber):
    """Subscribed to the page."""
    endpoint = subscriber.endpoint()
    subscribe(hub, page.url, endpoint)
    return endpoint


@pytest.fixture(scope="session")
def subscriber_server():
    server = Subscriber()
    yield server
    server.stop()


@pytest.fixture
def subscriber(subscriber_server):
    """Callbacks of the test's own; when it is over they answer 410, so that nothing retries for ever."""
    yield subscriber_server
    subscriber_server.retire()


@pytest.fixture(autouse=True)
def programs_stay_sound():
    """Fails any test during which a program crashed, was reported by a sanitizer, or logged a secret."""
    yield
    problems = [problem for suite in open_suites() for problem in suite.new_problems()]
    assert not problems, "\n".join(problems)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the ends of the programs' logs to the report of a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for suite in open_suites():
            for program in suite.programs.values():
                report.sections.append((f"{program.log_path}", program.tail(40)))

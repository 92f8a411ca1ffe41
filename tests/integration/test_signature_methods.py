"""Item 46 of the conformance list [7.1]: other methods than sha256, configured or asked for."""

import pytest

from harness import planted
from harness.settle import subscribe, wait_active
from harness.suite import Suite
from harness.topics import new_topic


@pytest.fixture(scope="module")
def signing_suite(kafka, tmp_path_factory):
    with Suite(kafka.bootstrap, tmp_path_factory.mktemp("signing"), "signing-") as suite:
        yield suite.start("hub-0", "consolidator-0")


METHODS = ["sha1", "sha384", "sha512"]


@pytest.mark.parametrize("method", METHODS)
def test_item_46_signature_method_is_configurable(signing_suite, subscriber, method):
    """The same subscription is signed with whatever the dispatcher is configured for."""
    signing_suite["dispatcher-0"].env["WEBSUB_DISPATCHER_SIGNATURE_METHOD"] = method
    signing_suite.start("dispatcher-0")
    hub, topic, endpoint = signing_suite.hub(), new_topic(method), subscriber.endpoint()
    hub.register(topic).check_accepted()
    subscribe(hub, topic, endpoint, planted.secret())
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    assert endpoint.deliveries()[0].is_signed_with(planted.secret(), method)
    signing_suite.terminate("dispatcher-0")


@pytest.mark.parametrize("method", METHODS)
def test_item_46_signature_method_can_be_asked_for(hub, topic, subscriber, method):
    """With hub.signature_method, for a subscriber that cannot check the default one."""
    endpoint = subscriber.endpoint()
    fields = {"hub.signature_method": method}
    hub.subscribe(topic, endpoint.url, planted.secret(), extra=fields).check_accepted(202)
    endpoint.wait_verified()
    wait_active(hub, topic, endpoint)
    hub.publish(topic, planted.payload()).check_accepted()
    endpoint.wait_bodies([planted.payload()])
    assert endpoint.deliveries()[0].is_signed_with(planted.secret(), method)

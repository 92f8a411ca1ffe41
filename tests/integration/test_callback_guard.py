"""Callbacks are hostile input: the dispatcher calls no address that is not public, however it is spelt."""

from urllib.parse import urlsplit

import pytest

from harness.attempts import Attempts
from harness.names import Names
from harness.settle import subscribe
from harness.subscriber import Subscriber
from harness.suite import Suite
from harness.topics import register_topic
from harness.trap import Trap
from harness.wait import wait_for

# What the witness lives on. All else of this machine is forbidden.
ALLOWED = "127.0.0.77"

# They all lead to this machine, where they are allowed.
HERE = [
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "localhost", "LocalHost", "a.localhost"),
    # fewer parts, decimal, octal, hexadecimal, mixed
    *("127.2", "127.0.2", "2130706434", "017700000002", "0x7f000002", "0X7F000002", "0x7f.2", "0177.2"),
    *("0x7f.0x0.0x0.0x2", "0177.0.0.2", "0177.0.0x0.02", "127.0.0.0x2", "127.0.0.002", "0000177.0.0.2"),
    *("0x00007f.0.2", "127.0x2", "127.0.0x0002", "127.00000000002"),
    # this network: the kernel takes it for loopback
    *("0", "0.0.0.0", "0.0", "00", "0x0", "000.000.000.000", "[::]", "[0:0::0]", "[::ffff:0.0.0.0]"),
    # loopback and IPv4-mapped
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[0::0.0.0.1]"),
    *("[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[0:0:0:0:0:FFFF:127.0.0.2]", "[0::ffff:7f00:0002]"),
]

# Forbidden, wherever they lead.
ELSEWHERE = [
    *("10.0.0.1", "10.255.255.255", "012.0.0.1", "167772161", "0xa.1", "172.16.0.1", "172.31.255.254"),
    *("192.168.0.1", "192.168.1", "0xc0a80001", "0300.0250.1", "100.64.0.1", "100.127.255.255"),
    # metadata of clouds
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"),
    *("169.16689662", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"),
    *("100.100.100.200", "192.0.0.192"),
    # assignments, documentation, relays, benchmarks, multicast, reserved, broadcast
    *("0.1.2.3", "192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "198.18.0.1"),
    *("198.19.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "4294967295"),
    # IPv4 inside of IPv6: compatible, translated, NAT64, 6to4, Teredo
    *(
        "[::127.0.0.2]",
        "[::7f00:2]",
        "[::10.0.0.1]",
        "[::8.8.8.8]",
        "[::ffff:0:127.0.0.2]",
        "[::ffff:10.0.0.1]",
    ),
    *("[64:ff9b::127.0.0.2]", "[64:ff9b::7f00:2]", "[64:ff9b::10.0.0.1]", "[64:ff9b::8.8.8.8]"),
    *("[64:ff9b:1::127.0.0.2]", "[64:ff9b:1:7f00:0:2::]", "[2002:7f00:2::1]", "[2002:a00:1::]"),
    *("[2002:a9fe:a9fe::]", "[2001:0:7f00:2::80ff:fffd]", "[2001::80ff:fffd]"),
    # of IPv6 itself
    *("[::2]", "[fc00::1]", "[fd00::1]", "[fdff:ffff::1]", "[fe80::1]", "[febf::1]", "[fec0::1]"),
    *("[ff02::1]", "[ff05::2]", "[ff0e::1]", "[100::1]", "[100:0:0:1::1]", "[2001:2::1]", "[2001:10::1]"),
    *("[2001:20::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[4000::1]", "[8000::1]", "[1000::1]"),
]

# No addresses, or some to others than libcurl: whoever reads them otherwise than it is dialled is deceived.
DECEPTIVE = [
    # zones
    *("[fe80::1%25lo]", "[fe80::1%lo]", "[fe80::1%251]", "[::1%25lo]", "[fe80::1%25eth0]"),
    # percent-encoded
    *("%31%32%37.0.0.2", "127%2e0%2e0%2e2", "%6cocalhost", "%5b::1%5d", "127.0.0.2%00.example"),
    *("127.0.0.2%2f.example", "%e2%91%a0.example"),
    # full width, enclosed, other dots and digits
    *("１２７.0.0.2", "①②⑦.0.0.2", "127。0。0。2", "127．0．0．2", "ｌocalhost", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "١٢٧.0.0.2"),
    *("loc\u00adalhost", "local\u200bhost", "bücher.example"),
    # user names and what looks like one
    *("user@127.0.0.2", "user:word@127.0.0.2", "8.8.8.8@127.0.0.2", "8.8.8.8:80@127.0.0.2"),
    *("a.example%40127.0.0.2", "8.8.8.8\\@127.0.0.2", "127.0.0.2\\.example", "@127.0.0.2", ":@127.0.0.2"),
    *("127.0.0.2#@8.8.8.8", "127.0.0.2 8.8.8.8", "127.0.0.2\t", "127.0.0.2\r\nX: y"),
    # a dot at the end; other names
    *("127.0.0.2.", "0x7f.0.0.2.", "2130706434.", "localhost.", "[::1].", "localhost..", "a..localhost"),
    *("hidden.onion", "router.local", "metadata.internal", "127.0.0.2.invalid", "ip6-localhost"),
    # out of bounds, or no address at all
    *("127.0.0.256", "383.0.0.2", "127.0.0.2.0", "4294967298", "6425673730", "0x17f000002", "0x", "0x7f.."),
    *("-127.0.0.2", "+127.0.0.2", "127.-1", "08.0.0.1", "1e9", "[127.0.0.2]", "::1", "[::1]x", "[:::1]"),
    *(
        "[::ffff:127.0.0.2",
        "::ffff:127.0.0.2]",
        "[0x7f000002]",
        "[::ffff:0177.0.0.2]",
        "[v1.127.0.0.2]",
        "[]",
    ),
]


def test_there_are_many_spellings():
    spellings = HERE + ELSEWHERE + DECEPTIVE
    assert len(set(spellings)) == len(spellings) >= 150


@pytest.fixture
def trap():
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def proxy():
    trap = Trap("127.0.0.1")
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def witness():
    witness = Subscriber(ALLOWED)
    yield witness
    witness.stop()


@pytest.fixture(scope="module")
def guard_attempts(kafka_view):
    return Attempts(kafka_view, "guard-attempts")


@pytest.fixture(scope="module")
def guarded(kafka, tmp_path_factory, proxy):
    """Nothing but public addresses is allowed, as by default, apart from the witness."""
    directory = tmp_path_factory.mktemp("guard")
    (directory / ".netrc").write_text(f"machine {ALLOWED} login planted password planted\n")
    (directory / ".netrc").chmod(0o600)
    names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    settings = dict.fromkeys(names, f"http://127.0.0.1:{proxy.port}") | {
        "HOME": str(directory),
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": f"{ALLOWED}/32",
        "WEBSUB_DISPATCHER_VERIFICATION_ATTEMPTS": "1",
        "WEBSUB_RETRY_MAX_INTERVAL": "200ms",
    }
    with Suite(kafka.bootstrap, directory, "guard-", settings=settings) as suite:
        resolver = Names(directory / "etc")
        if not resolver.why_not():  # else the machine's resolver is asked for what is no address
            suite["dispatcher-0"].run_under(resolver.command)
        yield suite.start()


def ask_all(hub, topic: str, hosts: list[str], port: int) -> dict[str, str]:
    """Subscribes with each; those that were accepted, by the path of their callback."""
    accepted = {}
    for number, host in enumerate(hosts):
        path = f"/{number}"
        answer = hub.subscribe(topic, f"http://{host}:{port}{path}")
        assert answer.status in (202, 400), f"{host}: {answer}"
        if answer.status == 202:
            accepted[path] = host
        else:
            answer.check_denied(400)
    return accepted


@pytest.mark.parametrize("hosts", [HERE, ELSEWHERE, DECEPTIVE], ids=["here", "elsewhere", "deceptive"])
def test_only_public_or_allowed_addresses_are_called(guarded, guard_attempts, witness, trap, hosts):
    """Refused at once, or accepted and then never dialled: the answer tells nothing about our network."""
    hub = guarded.hub()
    topic = register_topic(hub, "guard")
    accepted = ask_all(hub, topic, hosts, trap.port)

    def reasons() -> dict[str, list[str]]:
        """By host."""
        found = {}
        for callback, given in guard_attempts.reasons().items():
            if urlsplit(callback).port == trap.port:
                found[accepted[urlsplit(callback).path]] = given
        return found

    wait_for(
        lambda: len(reasons()) == len(accepted),
        lambda: f"refused: {set(accepted.values()) - set(reasons())}",
        pause=0.2,
    )
    expected = {"forbidden_address", "dns"} if hosts is DECEPTIVE else {"forbidden_address"}
    wrong = {host: given for host, given in reasons().items() if len(given) != 1 or given[0] not in expected}
    assert not wrong
    assert trap.callers == []
    if hosts is not DECEPTIVE:
        assert len(accepted) == len(hosts), "a plain address was refused by the hub"
    subscribe(hub, topic, witness.endpoint())


def test_spellings_of_this_machine_work_where_it_is_allowed(kafka, tmp_path, trap):
    """Else the test above would prove nothing."""
    settings = {
        "WEBSUB_SECURITY_ALLOWED_CALLBACK_NETWORKS": "0.0.0.0/0,::/0",
        "WEBSUB_DISPATCHER_VERIFICATION_ATTEMPTS": "1",
    }
    with Suite(kafka.bootstrap, tmp_path, "unguarded-", settings=settings) as suite:
        hub = suite.start().hub()
        accepted = ask_all(hub, register_topic(hub, "unguarded"), HERE, trap.port)

        def missing() -> set[str]:
            called = {line.split()[1].partition("?")[0] for line in trap.callers if line}
            return {host for path, host in accepted.items() if path not in called}

        wait_for(lambda: not missing(), lambda: f"called: {missing()}")


def test_environment_of_the_dispatcher_does_not_lead_elsewhere(guarded, witness, proxy):
    """Neither a proxy, which would dial unjudged, nor passwords of a .netrc."""
    hub, endpoint = guarded.hub(), witness.endpoint()
    subscribe(hub, register_topic(hub, "environment"), endpoint)
    assert all(request.header("Authorization") is None for request in endpoint.requests())
    assert proxy.callers == []

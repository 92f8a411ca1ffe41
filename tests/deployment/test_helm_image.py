"""What the chart's pods run is in the image, and runs as confined as there."""

import http.server
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator

import pytest
from chart import PROGRAMS, objects

from conftest import WEBSUB, run

pytestmark = pytest.mark.timeout(900)


def contained(
    pod: dict, *command: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Runs it in the image as Kubernetes would, but for the network, which is this machine's."""
    user, container = pod["securityContext"], pod["containers"][0]["securityContext"]
    assert container["readOnlyRootFilesystem"] and not container["allowPrivilegeEscalation"]
    options = ["--read-only", "--security-opt", "no-new-privileges", "--network", "host"]
    options += ["--user", f"{user['runAsUser']}:{user['runAsGroup']}"]
    options += [f"--cap-drop={capability}" for capability in container["capabilities"]["drop"]]
    options += [f"--env={name}={value}" for name, value in (variables or {}).items()]
    words = ["docker", "run", "--rm", *options, "--entrypoint", command[0], WEBSUB, *command[1:]]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as one that is well, or not."""

    status = 200
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[type[Hub]]:
    kind = type("Answering", (Hub,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        kind.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield kind
        server.shutdown()
        thread.join()


def test_helms_test_tells_whether_a_hub_is_well(images, hub):
    pod = objects({})[("Pod", "test")]["spec"]
    *command, url = pod["containers"][0]["command"]
    asked = urllib.parse.urlsplit(url)
    assert asked.netloc == "release-websub-hub:80"
    url = asked._replace(netloc=f"127.0.0.1:{hub.port}").geturl()
    well = contained(pod, *command, url)
    assert (well.returncode, hub.asked) == (0, ["/readyz"]), well.stderr
    hub.status = 503
    assert contained(pod, *command, url).returncode == 3


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_are_there(images, program):
    found = objects({})
    pod = found[("Deployment", program)]["spec"]["template"]["spec"]
    variables = found[("ConfigMap", "config")]["data"]
    done = contained(pod, *pod["containers"][0]["command"], "--check-config", variables=variables)
    assert done.returncode == 0, done.stderr


def test_what_runs_before_a_hub_stops_is_there(images):
    pod = objects({"hub": {"preStopSeconds": 1}})[("Deployment", "hub")]["spec"]["template"]["spec"]
    command = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command[-1] == "1"
    done = contained(pod, *command)
    assert done.returncode == 0, done.stderr


def test_images_names_agree(images):
    pod = objects({})[("Deployment", "hub")]["spec"]["template"]["spec"]
    assert run("docker", "images", "--quiet", pod["containers"][0]["image"]) != ""

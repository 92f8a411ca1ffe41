"""A container engine, and the images that docker-compose.yml names, made here where none can be pulled."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness.paths import REPOSITORY

IMAGES = Path(__file__).parent / "images"
BASE = "debian:bookworm-slim"
STAND_INS = {
    "kafka": "apache/kafka:4.1.0",
    "haproxy": "haproxy:3.0-alpine",
    "prometheus": "prom/prometheus:v3.5.0",
}
WEBSUB = "websub:0.1.0"

# The builder of the engine without plugins; the network of the host, with its way to the packages.
ENVIRONMENT = os.environ | {"DOCKER_BUILDKIT": "0"}
BUILD = ["docker", "build", "--quiet", "--network", "host"]


def run(*command: object, check: bool = True, timeout: float = 300, **options: object) -> str:
    """Its output; a failure shows what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=ENVIRONMENT | options.pop("environment", {}),
        **options,
    )
    if check:
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()


def engine_answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """Debian's engine, started unless one runs. Where it cannot run there is nothing to test."""
    for program in ("docker", "docker-compose", "mmdebstrap"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    if engine_answers():
        yield
        return
    log = tmp_path_factory.mktemp("engine") / "dockerd.log"
    with log.open("w") as output:
        daemon = subprocess.Popen(["dockerd"], stdout=output, stderr=output)
    deadline = time.monotonic() + 30
    while not engine_answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            daemon.kill()
            pytest.skip(f"the container engine does not start: {log.read_text()[-600:]}")
        time.sleep(0.2)
    yield
    daemon.terminate()
    daemon.wait(30)


def has_image(name: str) -> bool:
    return run("docker", "images", "--quiet", name) != ""


@pytest.fixture(scope="session")
def base_image(engine, tmp_path_factory) -> str:
    if not has_image(BASE):
        archive = tmp_path_factory.mktemp("base") / "base.tar"
        run("mmdebstrap", "--variant=minbase", "bookworm", archive, "http://deb.debian.org/debian")
        run("docker", "import", "--change", 'CMD ["bash"]', archive, BASE)
        archive.unlink()
    return BASE


@pytest.fixture(scope="session")
def images(base_image, tmp_path_factory):
    """All that docker-compose.yml needs. What is there already is used, but for ours, which is built anew."""
    for folder, name in STAND_INS.items():
        if has_image(name):
            continue
        context = tmp_path_factory.mktemp(folder) / "context"
        shutil.copytree(IMAGES / folder, context)
        if folder == "kafka":
            shutil.copytree(REPOSITORY / "build/tests/kafka/libs", context / "libs")
        run(*BUILD, "--tag", name, context)
    run(*BUILD, "--tag", WEBSUB, REPOSITORY, timeout=600)

"""Renders the chart."""

import functools
import json
import shutil
import subprocess
from pathlib import Path

import go_tools
import yaml

from harness.paths import REPOSITORY

CHART = REPOSITORY / "helm"
KUBERNETES = "1.31"
PROGRAMS = ("hub", "consolidator", "dispatcher")
WITH_USERS = {"auth": {"mode": ["basic"], "basic_users_file": "/etc/websub/secrets/users"}}


@functools.cache
def _template(values: str, chart: Path, options: tuple[str, ...]) -> subprocess.CompletedProcess:
    command = [
        go_tools.helm(),
        "template",
        "release",
        chart,
        "--namespace",
        "events",
        "--values",
        "-",
        *options,
    ]
    return subprocess.run(command, input=values, capture_output=True, text=True, check=False)


def template(
    values: dict, *options: str, chart: Path = CHART, kubernetes: str = KUBERNETES
) -> subprocess.CompletedProcess:
    return _template(json.dumps(values), chart, ("--kube-version", kubernetes, *options))


def objects(values: dict, kubernetes: str = KUBERNETES) -> dict[tuple[str, str], dict]:
    """By kind and name, without the "release-websub-" in front of names."""
    done = template(values, kubernetes=kubernetes)
    assert done.returncode == 0, done.stderr
    found = [document for document in yaml.safe_load_all(done.stdout) if document]
    by_name = {
        (each["kind"], each["metadata"]["name"].removeprefix("release-websub-")): each for each in found
    }
    assert len(by_name) == len(found), "two objects have one name"
    return by_name


def notes(values: dict, directory: Path) -> str:
    """What somebody who installs it is told: helm shows that only with a cluster, or if it is an object."""
    copy = directory / "chart"
    shutil.copytree(CHART, copy)
    (copy / "templates/NOTES.txt").rename(copy / "files/notes")
    (copy / "templates/notes.yaml").write_text(
        'notes: |\n  {{- tpl (.Files.Get "files/notes") . | nindent 2 }}'
    )
    done = template(values, "--show-only", "templates/notes.yaml", chart=copy)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["notes"]

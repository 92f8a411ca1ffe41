"""Programs in Go, kept in build/tests/bin: helm, and those of tools/, which are thin around the API server's
and Grafana's own code. From pinned modules, and by the Go that is among the Python packages."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from conftest import run
from harness.paths import REPOSITORY

WORK = REPOSITORY / "build/tests"
HELM_MODULE = "helm.sh/helm/v3/cmd/helm@v3.16.4"

# Of operators that bring their own kinds: the module that has the definition, its sum, and where it is.
DEFINITIONS = {
    "ScaledObject": (
        "github.com/kedacore/keda/v2@v2.20.2",
        "h1:SR60v8uIcelbveS8n/1jcl8tLdBBIbHMxmdOHw8tKqA=",
        "config/crd/bases/keda.sh_scaledobjects.yaml",
    ),
    "ServiceMonitor": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "PrometheusRule": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "HTTPRoute": (
        "sigs.k8s.io/gateway-api@v1.4.0",
        "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
}


def go(*arguments: object, cwd: Path = WORK, **environment: str) -> str:
    program = Path(sys.executable).parent / "go"
    environment |= {"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}
    return run(program, *arguments, cwd=cwd, environment=environment, timeout=900)


@functools.cache
def helm() -> Path:
    path = WORK / "bin/helm"
    if not path.exists():
        go("install", HELM_MODULE, GOBIN=str(path.parent))
    return path


@functools.cache
def built_tools() -> Path:
    """The folder with what is in tools/; Go knows what has to be built anew."""
    folder = WORK / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    go("build", "-o", f"{folder}/", "./...", cwd=Path(__file__).parent / "tools")
    return folder


def complaints(tool: str, text: str, *arguments: object) -> list[str]:
    """What a program of tools/ has to say against the text."""
    command = [built_tools() / tool, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert (done.returncode == 1) == bool(done.stdout), done
    return done.stdout.splitlines()


def definition(kind: str) -> Path:
    """The CustomResourceDefinition of an operator's kind."""
    module, expected, path = DEFINITIONS[kind]
    copy = WORK / "definitions" / module.replace("/", "_") / Path(path).name
    if not copy.exists():
        found = json.loads(go("mod", "download", "-json", module))
        assert found["Sum"] == expected, found
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.with_suffix(f".{os.getpid()}")
        part.write_bytes((Path(found["Dir"]) / path).read_bytes())
        part.replace(copy)
    return copy

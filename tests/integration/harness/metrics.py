"""What the programs tell about themselves at /metrics."""

from .program import Program


def metrics(program: Program) -> dict[str, float]:
    """All samples: by name, with labels as they are written, such as 'name{label="value"}'."""
    lines = program.get("/metrics").body.decode().splitlines()
    samples = [line.rpartition(" ") for line in lines if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in samples}


def metric(program: Program, name: str) -> float:
    found = metrics(program)
    assert name in found, f"{program.name} has no metric {name}"
    return found[name]

"""What was measured, against what the issues ask for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None where nothing is asked for, or nothing was measured."""

    what: str
    measured: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None


def milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1000:.1f} ms"


def quantile_row(what: str, latency: dict, p50_ms: float, p99_ms: float) -> Row:
    """A row for a latency report of bench-sink or bench-publish with bounds on median and p99."""
    p50, p99 = latency["p50_us"], latency["p99_us"]
    return Row(
        f"{what}, median / p99",
        f"{milliseconds(p50)} / {milliseconds(p99)}",
        target=f"≤ {p50_ms:g} / {p99_ms:g} ms",
        met=bool(latency["count"]) and p50 <= p50_ms * 1000 and p99 <= p99_ms * 1000,
    )


def not_run(what: str, why: str) -> Row:
    return Row(what, f"not run: {why}")


def print_table(rows: list[Row]) -> None:
    verdicts = {True: "met", False: "NOT MET", None: "–"}
    lines = [("row", "measured", "ratio", "target", "")]
    lines += [(row.what, row.measured, row.ratio, row.target, verdicts[row.met]) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for number, line in enumerate(lines):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")

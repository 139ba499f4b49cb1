"""What a bench reports: the scale of a run, the machine it ran on, the bars, the table for people."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Part = dict[str, Any]

BYTES_PER_MB = 1_000_000
SMALL_BYTES = 300 * 1024
LARGE_BYTES = 20 * BYTES_PER_MB


class BenchError(Exception):
    """A run that gives no figure; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done. The defaults give figures; the tests use tiny ones."""

    rounds: int = 4
    requests: int = 1_600  # a round at one concurrency
    citizens: int = 160  # with a document each; "cold keys" touches every one of them once
    large_requests: int = 24  # a round
    large_citizens: int = 6
    upload_bytes: int = 200 * BYTES_PER_MB
    readiness_citizens: int = 100_000
    readiness_requests: int = 4_000
    tokens: int = 3_000
    verdicts: int = 200
    imports: int = 400
    fsck_versions: int = 100_000
    verify_entries: int = 1_000_000
    receipts: int = 5_000
    fsck_deep_bytes: int = 1_000 * BYTES_PER_MB
    entries: Mapping[int, int] | None = None  # waiting callers -> durable entries

    ledger_sizes: tuple[int, int, int] = (
        10_000,
        1_000_000,
        10_000_000,
    )  # beside it: where proofs are measured
    ledger_citizens: int = 100_000
    ledger_scale_entries: int = 20_000

    def ledger_entries(self) -> Mapping[int, int]:
        return self.entries or {1: 1_500, 8: 8_000, 32: 20_000, 128: 30_000}


@dataclass(frozen=True, slots=True)
class Bar:
    """``path`` leads to a figure in the report; met when it is at most, or at least, ``limit``."""

    path: str
    limit: float
    at_most: bool

    def sentence(self, report: Mapping[str, Any]) -> str | None:
        """One line with the figure, the bar and the judgement; None when the part did not run."""
        value = found(report, self.path)
        if value is None:
            return None
        relation = "<=" if self.at_most else ">="
        judged = report[self.path.partition(".")[0]].get("judged", True)
        met = value <= self.limit if self.at_most else value >= self.limit
        memory = in_memory(str(found(report, "machine.filesystem")))
        reason = "memory is no disk: --place" if memory else "install wrk"
        verdict = ("met" if met else "NOT met") if judged else f"not judged ({reason})"
        return f"{self.path:<28} {value:>10} {relation} {self.limit:<8} {verdict}"


BARS = (
    Bar("fetch.c8.gateway_cpu_ms", 1.2, at_most=True),
    Bar("fetch.c32.gateway_cpu_ms", 1.2, at_most=True),
    Bar("fetch.c8.ratio", 0.28, at_most=False),
    Bar("fetch.c32.ratio", 0.38, at_most=False),
    Bar("fetch.dpop.c8.added_cpu_ms", 0.25, at_most=True),
    Bar("fetch.dpop.c8.of_officer", 0.80, at_most=False),
    Bar("fetch.dpop.c32.added_cpu_ms", 0.25, at_most=True),
    Bar("fetch.dpop.c32.of_officer", 0.80, at_most=False),
    Bar("fetch_20mb.ratio", 0.5, at_most=False),
    Bar("fetch_20mb.rss_growth_mb", 32, at_most=True),
    Bar("stamped.pdf_300kb.added_cpu_ms", 6, at_most=True),
    Bar("stamped.jpeg_2mp.added_cpu_ms", 60, at_most=True),
    Bar("package.p95_ms", 400, at_most=True),
    Bar("tokens.per_core_s", 300, at_most=False),
    Bar("tokens.verify_cpu_ms", 0.35, at_most=True),
    Bar("tokens.of_two_raw", 2.2, at_most=True),
    Bar("intake.rss_growth_mb", 32, at_most=True),
    Bar("gate.jpeg.p50_ms", 40, at_most=True),
    Bar("gate.png.p50_ms", 40, at_most=True),
    Bar("gate.pdf.p50_ms", 40, at_most=True),
    Bar("gate.worker_peak_mb", 512, at_most=True),
    Bar("import.jpg_per_s", 50, at_most=False),
    Bar("import.pdf_per_s", 25, at_most=False),
    Bar("fsck.seconds", 120, at_most=True),
    Bar("fsck_deep.mb_per_s", 100, at_most=False),
    Bar("readiness.p95_ms", 20, at_most=True),
    Bar("verify.seconds_per_million", 60, at_most=True),
    Bar("ledger.c32.entries_per_s", 8_000, at_most=False),
    Bar("ledger.c128.entries_per_s", 13_000, at_most=False),
    Bar("ledger_10m.cpu_ratio", 1.2, at_most=True),
    Bar("ledger_10m.wall_ratio", 1.4, at_most=True),
    Bar("ledger_10m.proof_p95_ms", 2, at_most=True),
)


def found(report: Mapping[str, Any], path: str) -> Any:
    value: Any = report
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def filesystem_of(path: Path) -> str:
    """The kernel's name of the file system that ``path`` lies on; empty where it does not tell."""
    place = path.resolve()
    kinds: dict[Path, str] = {}
    try:
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
            _, mounted_at, kind, *_ = line.split(" ")
            kinds[Path(mounted_at.replace("\\040", " "))] = kind  # a later mount covers an earlier one
    except OSError:
        return ""
    return next((kinds[folder] for folder in (place, *place.parents) if folder in kinds), "")


def in_memory(filesystem: str) -> bool:
    return filesystem in {"tmpfs", "ramfs"}


def machine(*, postgres: str, store: str, load_generator: str, load_before: float, filesystem: str) -> Part:
    """``load_before`` is the load average of one minute when the bench began: others at work take from every figure."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu_name(),
        "python": platform.python_version(),
        "postgres": postgres,
        "store": store,
        "load_generator": load_generator,
        "load_before": round(load_before, 2),
        "filesystem": filesystem,
    }


def percentile_ms(counts: Mapping[int, int], share: float) -> float:
    """The smallest latency that ``share`` (0 to 1) of all requests did not exceed. ``counts``: microseconds -> how often."""
    wanted = share * sum(counts.values())
    seen = 0
    for latency_us in sorted(counts):
        seen += counts[latency_us]
        if seen >= wanted:
            return round(latency_us / 1000, 3)
    return 0.0


def merged(all_counts: Sequence[Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for counts in all_counts:
        for latency_us, number in counts.items():
            total[latency_us] = total.get(latency_us, 0) + number
    return total


def table(report: Mapping[str, Any]) -> Iterator[str]:
    """The report for people, line by line: the figures, then the bars."""
    for part, figures in report.items():
        yield part
        plain = {name: value for name, value in figures.items() if not isinstance(value, Mapping)}
        for name, value in figures.items():
            if isinstance(value, Mapping):
                yield f"  {name:<16}" + "  ".join(f"{key} {number}" for key, number in value.items())
        if part == "machine":
            yield from (f"  {name:<16}{value}" for name, value in plain.items())
        elif plain:
            yield "  " + "  ".join(f"{key} {number}" for key, number in plain.items())
    judged = [sentence for bar in BARS if (sentence := bar.sentence(report)) is not None]
    if judged:
        yield "bars"
        yield from (f"  {sentence}" for sentence in judged)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())

"""A tiny run of every bench on real servers: the keys of the contract, and figures that can be. No time is judged."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from exchange.cli.bench import PARTS, run
from exchange.cli.bench.figures import BARS, BenchError, Scale, filesystem_of, merged, percentile_ms, table
from exchange.cli.bench.load import Call, Generator
from exchange.cli.bench.world import World, throw_away_world
from exchange.flows.turn_keys import known_log_vkeys
from storage.database import Database
from storage.ledger.verify import verify

TICK_MS = 10  # of the kernel's account of CPU
TINY = Scale(
    rounds=1,
    requests=12,
    citizens=4,
    large_requests=2,
    large_citizens=1,
    upload_bytes=3_000_000,
    readiness_citizens=200,
    readiness_requests=20,
    tokens=20,
    verdicts=8,
    imports=6,
    fsck_versions=40,
    fsck_deep_bytes=5_000_000,
    verify_entries=300,
    receipts=5,
    ledger_sizes=(2_500, 3_000, 5_000),
    ledger_citizens=50,
    ledger_scale_entries=20,
    entries={1: 5, 8: 40, 32: 40, 128: 150},
)
KEYS: dict[str, set[str]] = {
    "fetch": {"c1", "c8", "c32"},
    "fetch_20mb": {"mb_per_s", "ratio", "rss_growth_mb"},
    "stamped": {"pdf_300kb", "jpeg_2mp"},
    "package": {"p50_ms", "p95_ms", "papers", "photos"},
    "fsck": {"seconds", "versions", "versions_per_s"},
    "fsck_deep": {"mb_per_s", "mb"},
    "gate": {"jpeg", "png", "pdf", "worker_peak_mb"},
    "import": {"jpg_per_s", "pdf_per_s", "rows"},
    "intake": {"gate", "mb_per_s", "rss_growth_mb"},
    "readiness": {"rps", "p50_ms", "p95_ms"},
    "tokens": {"rps", "per_core_s", "verify_cpu_ms", "of_two_raw"},
    "ledger": {"c1", "c8", "c32", "c128"},
    "verify": {"entries", "seconds", "seconds_per_million", "opened", "receipts_per_s"},
    "machine": {"cores", "cpu", "python", "postgres", "store", "load_generator"},
}


@pytest.fixture(scope="module")
def bench_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("bench")
    with throw_away_world(place) as world:
        yield world
    assert list(place.iterdir()) == [], "the throw-away world is still there"


def _reported(place: Path, parts: Sequence[str], program: str | None) -> dict[str, Any]:
    """In a world and a loop of its own: what the ledger's part released is never delivered, and a fetch after it would wait for it."""
    said: list[str] = []

    def in_own_loop() -> dict[str, Any]:
        with throw_away_world(place) as world:
            return asyncio.run(run(world, parts, TINY, said.append, Generator(world.folder, program)))

    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(in_own_loop).result()
    assert said
    return made


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every part, under our own client, which is everywhere."""
    made = _reported(tmp_path_factory.mktemp("report"), PARTS, None)
    assert made["machine"]["load_generator"] == "aiohttp client"
    return made


@pytest.mark.skipif(not shutil.which("wrk"), reason="the bench under wrk was left out: apt-get install wrk")
def test_wrk_takes_the_place_of_our_own_client(tmp_path: Path) -> None:
    """The parts that a generator loads: with it they are judged."""
    made = _reported(tmp_path, ("fetch", "readiness"), shutil.which("wrk"))
    assert made["machine"]["load_generator"] == "wrk"
    _fetches_can_be(made)
    assert 0 < made["readiness"]["p50_ms"] <= made["readiness"]["p95_ms"]


def test_the_report_has_the_keys_of_the_contract(report: dict[str, Any]) -> None:
    assert set(report) == set(KEYS)
    for part, keys in KEYS.items():
        assert keys <= set(report[part]), part
    for concurrency in ("c1", "c8", "c32"):
        assert {"rps", "p50_ms", "p99_ms", "gateway_cpu_ms", "ratio"} <= set(report["fetch"][concurrency])
    for callers in ("c1", "c8", "c32", "c128"):
        assert {"entries_per_s", "p50_ms", "p99_ms", "ratio"} <= set(report["ledger"][callers])
    assert {"rps", "gateway_cpu_ms"} <= set(report["fetch"]["mint_and_fetch"])
    assert {"rps", "p50_ms", "p99_ms", "gateway_cpu_ms"} <= set(report["fetch"]["cold_keys"])
    json.dumps(report)


def _fetches_can_be(report: dict[str, Any]) -> None:
    for figures in (*(report["fetch"][name] for name in ("c1", "c8", "c32")),):
        assert figures["rps"] > 0
        assert 0 < figures["p50_ms"] <= figures["p99_ms"]
        assert figures["gateway_cpu_ms"] >= 0
        assert 0 < figures["ratio"] < 5
        # What is written as a ratio is the ratio of the two rates that were measured beside each other.
        assert figures["ratio"] == pytest.approx(figures["rps"] / figures["direct_rps"], rel=0.05, abs=0.002)
    assert report["fetch"]["judged"] == (
        report["machine"]["load_generator"] == "wrk" and report["machine"]["filesystem"] != "tmpfs"
    )


def test_the_figures_can_be(report: dict[str, Any]) -> None:
    _fetches_can_be(report)
    for figures in (report["ledger"][name] for name in ("c1", "c8", "c32", "c128")):
        assert figures["entries_per_s"] > 0
        assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert report["fetch_20mb"]["mb_per_s"] > 0
    assert 0 <= report["fetch_20mb"]["rss_growth_mb"] < 500
    assert report["intake"]["mb_per_s"] > 0
    assert report["import"]["jpg_per_s"] > 0
    assert report["import"]["pdf_per_s"] > 0
    for figures in (report["stamped"]["pdf_300kb"], report["stamped"]["jpeg_2mp"]):
        # Of a few copies, in ticks of 10 ms: only the full run says how much more.
        assert figures["stamped_cpu_ms"] + TICK_MS >= figures["original_cpu_ms"] >= 0
        assert 200 <= figures["source_kb"] <= 1_500
    for figures in (report["package"], report["package"]["photos"]):
        assert 0 < figures["p50_ms"] <= figures["p95_ms"]
    assert report["package"]["papers"] == 6
    assert report["intake"]["file_mb"] == 3
    assert 0 < report["readiness"]["p50_ms"] <= report["readiness"]["p95_ms"]
    assert report["readiness"]["citizens"] == 200
    assert report["machine"]["postgres"]
    assert ("judged" in report["ledger"]) == (report["machine"]["filesystem"] == "tmpfs")


def test_people_see_figures_and_bars(report: dict[str, Any]) -> None:
    text = "\n".join(table(report))
    assert "mint_and_fetch" in text
    for bar in BARS:
        assert (bar.path in text) == (bar.path.partition(".")[0] in report)


def test_without_wrk_nothing_is_judged(report: dict[str, Any]) -> None:
    disk = {**report["machine"], "filesystem": "ext4"}
    unjudged = {**report, "machine": disk, "fetch": {**report["fetch"], "judged": False}}
    lines = [line for line in table(unjudged) if line.startswith("  fetch.c8.ratio")]
    assert "not judged (install wrk)" in lines[0]


def test_what_lies_in_memory_is_not_judged(bench_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: the default place was the temporary folder, which many machines keep in memory."""
    monkeypatch.setattr("exchange.cli.bench.figures.filesystem_of", lambda _path: "tmpfs")
    made = asyncio.run(run(bench_world, ("ledger",), TINY, lambda _text: None))
    assert (made["machine"]["filesystem"], made["ledger"]["judged"]) == ("tmpfs", False)
    assert [line for line in table(made) if "not judged (memory is no disk" in line]


def test_the_file_system_of_a_place(tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_mount():
        pytest.skip("no /dev/shm here")
    assert filesystem_of(shared_memory) == "tmpfs"
    assert filesystem_of(shared_memory / "not" / "there") == "tmpfs"
    assert filesystem_of(Path("/proc/self")) == "proc"


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--place"), throw_away_world(tmp_path / "nowhere"):
        pytest.fail("nothing may start")


def test_a_log_that_was_filled_is_whole(bench_world: World) -> None:
    """What the database filled itself goes on as an appender's: the root follows from the entries, trails from their newest."""
    made = asyncio.run(run(bench_world, ("ledger_10m",), TINY, lambda _text: None))["ledger_10m"]
    assert made["entries"] == 5_000
    assert made["cpu_ratio"] > 0
    assert made["wall_ratio"] > 0
    assert made["wal_bytes"] > 300
    assert 0 < made["proof_p50_ms"] <= made["proof_p95_ms"]
    assert asyncio.run(_problems(bench_world)) == []


async def _problems(world: World) -> list[str]:
    database = Database(world.database_url)
    try:
        found = await verify(database, vkeys=list(await known_log_vkeys(database)))
        async with database.reading() as reading:
            rows = await reading.raw.fetch(
                "SELECT subject_ref, array_agg(subject_seq ORDER BY idx) AS seqs, array_agg(prev_idx ORDER BY idx) AS before, "
                "array_agg(idx ORDER BY idx) AS all FROM audit_event GROUP BY 1"
            )
    finally:
        await database.close()
    for row in rows:
        if row["seqs"] != list(range(1, len(row["seqs"]) + 1)) or row["before"] != [None, *row["all"][:-1]]:
            found.problems.append(f"{row['subject_ref']} is not dense")
    return found.problems


async def test_our_own_client_counts_like_wrk(bench_world: World) -> None:
    own = Generator(bench_world.folder, None)
    assert (own.cheap, own.name) == (False, "aiohttp client")
    origin = bench_world.settings.origin
    with bench_world.application():
        load = await own.run(origin, [Call("/health/live")] * 30, 4, keep_bodies=True)
        assert load.requests == sum(load.counts.values()) == 30
        assert load.bodies == ('{"status":"ok"}',) * 30
        for generator in (own, Generator.found(bench_world.folder)):
            with pytest.raises(BenchError, match="errors"):
                await generator.run(origin, [Call("/health/live"), Call("/v1/services")], 1)


def test_percentiles() -> None:
    counts = merged([{1000: 50}, {1000: 40, 9000: 9}, {500_000: 1}])
    assert percentile_ms(counts, 0.5) == 1
    assert percentile_ms(counts, 0.99) == 9
    assert percentile_ms(counts, 1) == 500


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """SIGINT in the middle: the servers, the application and the folder are gone."""
    import signal
    import time

    command = [sys.executable, "-m", "exchange.cli", "bench", "ledger", "--json", "--place", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    ) as process:
        until_s = time.monotonic() + 60
        while not list(tmp_path.glob(".berkas-bench-*/application.log")) and time.monotonic() < until_s:
            if list(tmp_path.glob(".berkas-bench-*/keys/root.key")):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []

"""``berkas bench``: what it costs, on the machine at hand. Each run makes a throw-away world of its own and removes it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from exchange.cli.bench.figures import Scale
    from exchange.cli.bench.load import Generator
    from exchange.cli.bench.world import World

# What is released by "ledger" is never delivered, and "fsck" voids what is there: papers leave before.
PARTS = (
    "fetch",
    "stamped",
    "package",
    "fsck",
    "gate",
    "import",
    "intake",
    "ledger",
    "readiness",
    "tokens",
    "verify",
)
FAILED = 1

bench_app = typer.Typer(
    no_args_is_help=True, help="What it costs: figures from a throw-away world on this machine."
)
_JSON = typer.Option(False, "--json", help="For programs: one object.")
_PLACE = typer.Option(
    None, "--place", help="Folder for the throw-away data (default: beside the data directory)."
)
_AT_10M = typer.Option(
    False,
    "--at-10m",
    help="Instead: what an entry costs in a log of 10,000,000 beside 10,000. Takes minutes and 12 GB.",
)
_ROUNDS = typer.Option(4, min=1, help="Rounds of direct and complete fetches, alternating.")


def register(app: typer.Typer) -> None:
    app.add_typer(bench_app, name="bench")


@bench_app.command("fetch")
def bench_fetch(as_json: bool = _JSON, place: Path | None = _PLACE, rounds: int = _ROUNDS) -> None:
    """The complete fetch path beside direct GETs from the same store, 300 KB and 20 MB."""
    _bench(["fetch"], as_json, place, rounds=rounds)


@bench_app.command("stamped")
def bench_stamped(as_json: bool = _JSON, place: Path | None = _PLACE, rounds: int = _ROUNDS) -> None:
    """What a stamp costs: a scan of 300 KB and a photo of 2 megapixels, as they are and stamped."""
    _bench(["stamped"], as_json, place, rounds=rounds)


@bench_app.command("package")
def bench_package(as_json: bool = _JSON, place: Path | None = _PLACE, rounds: int = _ROUNDS) -> None:
    """Six stamped papers in one archive; a mix of photos."""
    _bench(["package"], as_json, place, rounds=rounds)


@bench_app.command("gate")
def bench_gate(as_json: bool = _JSON, place: Path | None = _PLACE) -> None:
    """The verdict about a scan of 300 KB: JPEG, PNG and PDF."""
    _bench(["gate"], as_json, place)


@bench_app.command("import")
def bench_import(as_json: bool = _JSON, place: Path | None = _PLACE) -> None:
    """Papers a second that exist already and come in by a manifest, with the gate on."""
    _bench(["import"], as_json, place)


@bench_app.command("intake")
def bench_intake(as_json: bool = _JSON, place: Path | None = _PLACE) -> None:
    """One upload of 200 MB, with the gate off: speed and memory."""
    _bench(["intake"], as_json, place)


@bench_app.command("fsck")
def bench_fsck(as_json: bool = _JSON, place: Path | None = _PLACE) -> None:
    """100,000 stored papers against their rows; a deep check of 1 GB."""
    _bench(["fsck"], as_json, place)


@bench_app.command("readiness")
def bench_readiness(as_json: bool = _JSON, place: Path | None = _PLACE) -> None:
    """Readiness checks in a database of 100,000 citizens."""
    _bench(["readiness"], as_json, place)


@bench_app.command("ledger")
def bench_ledger(as_json: bool = _JSON, place: Path | None = _PLACE, at_10m: bool = _AT_10M) -> None:
    """Durable entries a second at 1, 8, 32 and 128 waiting callers."""
    _bench(["ledger_10m"] if at_10m else ["ledger"], as_json, place)


@bench_app.command("tokens")
def bench_tokens(as_json: bool = _JSON, place: Path | None = _PLACE) -> None:
    """Access tokens a second of one core, and what a token with its proof costs to verify."""
    _bench(["tokens"], as_json, place)


@bench_app.command("verify")
def bench_verify(as_json: bool = _JSON, place: Path | None = _PLACE) -> None:
    """A log of a million entries recomputed: its bodies sealed, and opened; receipts apart."""
    _bench(["verify"], as_json, place)


@bench_app.command("all")
def bench_all(as_json: bool = _JSON, place: Path | None = _PLACE, rounds: int = _ROUNDS) -> None:
    """Every part, one after the other, in one world."""
    _bench(PARTS, as_json, place, rounds=rounds)


async def run(
    world: World,
    names: Sequence[str],
    scale: Scale,
    say: Callable[[str], None],
    generator: Generator | None = None,
) -> dict[str, Any]:
    """The report of the parts ``names``, with the machine. Raises ``BenchError`` where a figure would be wrong.

    ``generator``: wrk where it is installed, unless one is given.
    """
    from exchange.cli.bench.fetch import fetch as fetch_part
    from exchange.cli.bench.figures import filesystem_of, in_memory, machine
    from exchange.cli.bench.fsck import fsck as fsck_part
    from exchange.cli.bench.gate import gate as gate_part
    from exchange.cli.bench.imports import imports as import_part
    from exchange.cli.bench.intake import intake as intake_part
    from exchange.cli.bench.ledger import ledger as ledger_part
    from exchange.cli.bench.ledger_scale import ledger_scale as ledger_scale_part
    from exchange.cli.bench.load import Generator
    from exchange.cli.bench.package import package as package_part
    from exchange.cli.bench.readiness import readiness as readiness_part
    from exchange.cli.bench.stamped import stamped_part
    from exchange.cli.bench.tokens import tokens as tokens_part
    from exchange.cli.bench.verify import verify as verify_part

    generator = generator or Generator.found(world.folder)
    load_before = os.getloadavg()[0]
    parts: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "fetch": lambda: fetch_part(world, generator, scale, say),
        "stamped": lambda: stamped_part(world, generator, scale, say),
        "package": lambda: package_part(world, generator, scale, say),
        "fsck": lambda: fsck_part(world, scale, say),
        "gate": lambda: gate_part(world, scale, say),
        "import": lambda: import_part(world, scale, say),
        "intake": lambda: intake_part(world, scale, say),
        "ledger": lambda: ledger_part(world, scale, say),
        "ledger_10m": lambda: ledger_scale_part(world, scale, say),
        "readiness": lambda: readiness_part(world, generator, scale, say),
        "tokens": lambda: tokens_part(world, generator, scale, say),
        "verify": lambda: verify_part(world, scale, say),
    }
    report: dict[str, Any] = {}
    for name in names:
        report |= await parts[name]()
    postgres, store = world.services.postgres, world.services.store
    report["machine"] = machine(
        postgres=postgres.version if postgres else "",
        store=f"{store.kind} {store.version}" if store else "",
        load_generator=generator.name,
        load_before=load_before,
        filesystem=filesystem_of(world.folder),
    )
    if in_memory(report["machine"]["filesystem"]):
        for name in report.keys() - {"machine"}:
            report[name]["judged"] = False  # a sync costs nothing there
    return report


def _bench(names: Sequence[str], as_json: bool, place: Path | None, rounds: int = 4) -> None:
    # What a bench needs (the whole application, three libraries more) no other command should load.
    import uvloop

    from exchange import logs
    from exchange.cli import setup
    from exchange.cli.bench.figures import BenchError, Scale, table
    from exchange.cli.bench.world import PEOPLE_PER_HOUR, throw_away_world

    def say(text: str) -> None:
        typer.echo(f"bench: {text}", err=True)

    logs.configure("WARNING")
    try:
        with (
            throw_away_world(place or setup.data_dir(setup.load_settings()).parent) as world,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            say(f"commands act on this world with BERKAS_DATA_DIR={world.folder}")
            say(
                f"limits against insiders raised for the run: {PEOPLE_PER_HOUR} looks, citizens and numbers an hour"
            )
            report = runner.run(run(world, names, Scale(rounds=rounds), say))
    except BenchError as error:
        typer.echo(f"berkas: {error}", err=True)
        sys.exit(FAILED)
    typer.echo(json.dumps(report) if as_json else "\n".join(table(report)))

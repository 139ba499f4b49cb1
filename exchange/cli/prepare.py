"""Before and around running: schema, configuration, what an error code means, is everything well."""

from __future__ import annotations

import asyncio
import json
import platform
from datetime import timedelta
from importlib.metadata import version as installed

import typer

from exchange.cli import setup
from exchange.deps import Parts, clock
from exchange.flows import look_after, watch_witnesses
from exchange.problems import PROBLEMS
from exchange.settings import Settings
from exchange.wiring import wired
from storage import schema
from storage.ledger.checkpoint import CheckpointRefused

VERSION = "0.1.0"
FAILED = 1
FOUND_WRONG = 3
config_app = typer.Typer(no_args_is_help=True, help="The configuration.")


def register(app: typer.Typer) -> None:
    app.command()(migrate)
    app.command()(doctor)
    app.command()(explain)
    app.command()(version)
    app.add_typer(config_app, name="config")


def migrate() -> None:
    """Bring the database's schema to the newest revision (needs the owner role)."""
    setup.migrate(setup.load_settings())
    typer.echo(f"schema at revision {schema.HEAD}")


def doctor(as_json: bool = typer.Option(False, "--json", help="For programs.")) -> None:
    """Database, object store, ledger, migrations, messages, witnesses, stored copies, one-time codes: each green or red. Exit code 3 when one is red."""
    notes: dict[str, str] = {}
    with setup.reachable() as settings:
        try:
            checks = asyncio.run(_checks(settings, notes))
        except setup.CANNOT_START as refused:
            checks, notes = {"start": False}, {"start": setup.sentence(refused)}
    if as_json:
        typer.echo(json.dumps(checks | ({"notes": notes} if notes else {})))
    else:
        for name, good in checks.items():
            typer.echo(f"{'ok  ' if good else 'FAIL'} {name}{': ' + notes[name] if name in notes else ''}")
    raise typer.Exit(0 if all(checks.values()) else FOUND_WRONG)


def explain(code: str) -> None:
    """What a BK code means and what to do, in Indonesian and English."""
    problem = PROBLEMS.get(code.upper())
    if problem is None:
        typer.echo(f"no such code: {code}", err=True)
        raise typer.Exit(FAILED)
    typer.echo(f"{problem.code} (HTTP {problem.status})\n{problem.title}\n  {problem.remedy}")
    typer.echo(f"{problem.title_en}\n  {problem.remedy_en}")


def version(as_json: bool = typer.Option(False, "--json", help="For programs.")) -> None:
    """Version of Berkas, of Python and of the schema."""
    known = {"berkas": VERSION, "python": platform.python_version(), "schema": schema.HEAD}
    known["fastapi"] = installed("fastapi")
    typer.echo(
        json.dumps(known) if as_json else "\n".join(f"{name} {value}" for name, value in known.items())
    )


@config_app.command("check")
def check() -> None:
    """Read BERKAS_* and refuse what must not run. Prints names, never values."""
    settings = setup.load_settings()
    typer.echo(f"configuration is acceptable for mode {settings.mode}")
    for name in sorted(Settings.model_fields):
        typer.echo(f"  BERKAS_{name.upper()}{' (set)' if name in settings.model_fields_set else ''}")


async def _checks(settings: Settings, notes: dict[str, str]) -> dict[str, bool]:
    async with wired(settings) as parts:
        checks = await look_after.readiness(parts.database, parts.vault, parts.appender)
        checks["migrations"] = await schema.current_revision(parts.database) == schema.HEAD
        counts = await look_after.messages(parts.database)
        checks["messages"] = not counts.given_up
        why = ", ".join(f"{number} {cause}" for cause, number in counts.given_up.items())
        given_up = f"{sum(counts.given_up.values())} given up in seven days"
        notes["messages"] = f"{counts.waiting} waiting, {given_up}{f' ({why})' if why else ''}"
        aside = await look_after.damaged(parts.database)
        checks["stored_copies"] = not aside
        notes["stored_copies"] = f"{aside} in quarantine (berkas fsck --deep)"
        checks["witnesses"], notes["witnesses"] = await _witnesses(parts)
        codes = await look_after.codes(parts.database, clock())
        checks["codes"] = codes < settings.codes_per_hour
        notes["codes"] = f"{codes} of {settings.codes_per_hour} one-time codes of this hour"
    return checks


async def _witnesses(parts: Parts) -> tuple[bool, str]:
    if parts.witnesses is None:
        return True, "none (BERKAS_WITNESS_POLICY): nobody outside vouches for the log"
    found = await watch_witnesses.state(
        parts.database,
        parts.witnesses,
        at_once=parts.publisher.at_once,
        late_after=timedelta(minutes=parts.settings.witness_late_minutes),
        now=clock(),
    )
    words = f"quorum {found['quorum']}, {found['size']} entries cosigned"
    words += f"; late: {', '.join(found['late'])}" if found["late"] else ""
    words += "".join(f"; {name} refuses ({cause})" for name, cause in found["refused"].items())
    shown = await parts.publisher.public()
    try:
        if shown is not None:
            parts.witnesses.judged(shown[0])
    except CheckpointRefused:
        return False, f"{words}; the policy does not list this log's key (/log/vkey)"
    return found["quorum"] != "late" and not found["late"] and not found["refused"], words

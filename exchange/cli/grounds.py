"""Where the law replaces consent, from the command line; each change stands in the ledger."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from exchange.cli.enrol import with_parts
from exchange.deps import clock
from exchange.flows import run_grounds

app = typer.Typer(no_args_is_help=True, help="Where the law replaces consent.")
_TYPES = typer.Option(..., "--type", help="A document type that the law covers; repeat it.")
_JSON = typer.Option(True, "--json", help="The only form there is.")


@app.command("add")
def add(agency_id: str, service: str, lawful_basis: str, reference: str, types: list[str] = _TYPES) -> None:
    """LAWFUL_BASIS is legal_obligation, public_task or vital_interest; REFERENCE the article, as the citizen reads it."""
    row_id = with_parts(
        lambda parts: run_grounds.add_ground(
            parts.keyring,
            parts.appender,
            parts.catalogue,
            agency_id=agency_id,
            service=service,
            lawful_basis=lawful_basis,
            reference=reference,
            types=types,
            now=clock(),
        )
    )
    typer.echo(row_id)


@app.command("end")
def end(ground: str) -> None:
    """From the next request on. GROUND is the id that `add` printed."""
    with_parts(lambda parts: run_grounds.end_ground(parts.keyring, parts.appender, row_id=ground))


@app.command("list")
def list_all(_as_json: bool = _JSON) -> None:
    rows = with_parts(lambda parts: run_grounds.list_grounds(parts.database))
    shown = [{**asdict(row), "types": row.types.split(" "), "set_at": row.set_at.isoformat()} for row in rows]
    typer.echo(json.dumps(shown, indent=2))

"""``berkas report``: numbers counted from the ledger."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from exchange.cli.enrol import with_parts
from exchange.cli.progress import progress
from exchange.deps import Parts, clock
from exchange.flows import report_semester
from exchange.flows.report_semester import Semester
from exchange.pages.semester import semester_pdf
from exchange.semester import semester_rows
from exchange.spreadsheets import csv_line

app = typer.Typer(no_args_is_help=True, help="Numbers counted from the ledger.")

_AGENCY = typer.Option(..., "--agency", help="CODE@site")
_YEAR = typer.Option(..., "--year", min=2020, max=2199)
_HALF = typer.Option(..., "--half", min=1, max=2, help="1: from January, 2: from July.")
_OPEN = typer.Option(False, "--open", help="For publishing: without what fewer than ten persons are behind.")
_SIZE = typer.Option(None, "--log-size", min=0, help="Count again what a report told of a log of this size.")
_PDF = typer.Option(None, "--pdf", help="Write it as a PDF to this file.")


@app.callback()
def _group() -> None:
    """With one command alone typer would make no group."""


@app.command("semester")
def semester(
    agency: str = _AGENCY,
    year: int = _YEAR,
    half: int = _HALF,
    for_everybody: bool = _OPEN,
    log_size: int | None = _SIZE,
    as_json: bool = typer.Option(False, "--json", help="For programs: one object."),
    as_csv: bool = typer.Option(False, "--csv", help="For spreadsheets."),
    pdf: Path | None = _PDF,
) -> None:
    """The usage report of one agency that the rules on population data ask for (Permendagri 102/2019). Exit code 0, or 1 refused."""

    async def run(parts: Parts) -> dict[str, Any]:
        with contextlib.ExitStack() as shown:

            def tell(total: int) -> Callable[[int], None]:
                return shown.enter_context(progress("entries", total))

            return await report_semester.report(
                parts.database,
                parts.keyring,
                parts.appender,
                semester=Semester(agency, year, half, parts.zone, open=for_everybody),
                now=clock(),
                size=log_size,
                tell=tell,
            )

    told: dict[str, Any] = with_parts(run)
    if pdf is not None:
        pdf.write_bytes(semester_pdf(told))
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    elif as_csv:
        typer.echo(b"".join(csv_line(row) for row in semester_rows(told)).decode(), nl=False)
    elif pdf is None:
        for table, row, number in semester_rows(told):
            typer.echo(f"{table:<20} {row:<32} {number:>10}")

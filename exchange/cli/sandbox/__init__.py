"""The sandbox: synthetic families of one site, with real files. ``facts`` tells a program who and what is there."""

from __future__ import annotations

import json
import shutil

import typer

from exchange.cli import setup
from exchange.cli.sandbox.facts import read_facts

app = typer.Typer(no_args_is_help=True, help="The synthetic world of `berkas up`.")


@app.command("facts")
def facts(as_json: bool = typer.Option(True, "--json", help="The only form there is.")) -> None:
    """Origin, officers with passwords, citizens, inbox. All persons are synthetic (NIK serial 99xx)."""
    typer.echo(json.dumps(read_facts(setup.data_dir(setup.load_settings())), indent=2, ensure_ascii=False))
    _ = as_json


@app.command("reset")
def reset(yes: bool = typer.Option(False, "--yes", help="Do not ask.")) -> None:
    """Delete the sandbox's data directory. Stop `berkas up` first."""
    place = setup.data_dir(setup.load_settings())
    if not yes:
        typer.confirm(f"delete {place}?", abort=True)
    shutil.rmtree(place, ignore_errors=True)
    typer.echo("the next `berkas up` makes a new world")

"""The sandbox: synthetic families of one site, with real files. ``facts`` tells a program who and what is there."""

from __future__ import annotations

import json

import typer

from exchange.cli import setup
from exchange.cli.sandbox import removing
from exchange.cli.sandbox.facts import read_facts
from exchange.settings import SettingsRefused
from storage.embedded.place import FolderLock

app = typer.Typer(no_args_is_help=True, help="The synthetic world of `berkas up`.")


@app.command("facts")
def facts(_as_json: bool = typer.Option(True, "--json", help="The only form there is.")) -> None:
    """Origin, officers with passwords, citizens, inbox. All persons are synthetic (NIK serial 99xx)."""
    typer.echo(json.dumps(read_facts(setup.data_dir(setup.load_settings())), indent=2, ensure_ascii=False))


@app.command("reset")
def reset(yes: bool = typer.Option(False, "--yes", help="Do not ask.")) -> None:
    """Delete what `berkas up` made in the data directory, finished or not; nothing else, and nothing that is in use."""
    settings = setup.load_settings()
    place = setup.data_dir(settings)
    if not removing.is_sandbox(place):
        raise SettingsRefused("no sandbox here yet (start `berkas up`)")
    for server in ("postgres", "store"):
        if FolderLock(place / server).held_by_someone():
            raise SettingsRefused(f"a Berkas is running on {place}: stop it first")
    if not yes:
        typer.confirm(f"delete the sandbox in {place}?", abort=True)
    if stays := removing.remove(place):
        typer.echo(f"{place} stays: {', '.join(stays)} was not made by `berkas up`")
    typer.echo("the next `berkas up` makes a new world")

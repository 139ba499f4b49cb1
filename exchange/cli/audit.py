"""The log from the command line. Verifying runs as a program of its own that loads nothing of the exchange."""

from __future__ import annotations

import os
import subprocess
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import typer

from exchange.cli import setup
from exchange.cli.sandbox.facts import read_facts
from exchange.settings import SettingsRefused

app = typer.Typer(no_args_is_help=True, help="The tamper-evident log.")


@app.command("verify")
def verify(
    vkey: str = typer.Option("", help="The log's verifier key; the sandbox's own is known."),
    checkpoint: Path | None = typer.Option(None, help="A checkpoint that was kept elsewhere."),  # noqa: B008
    as_json: bool = typer.Option(False, "--json", help="For programs."),
) -> None:
    """Recompute the whole log from the database. Exit code 0 whole, 3 not whole, 1 unreadable."""
    with setup.reachable() as settings:
        if not vkey and settings.mode == "production":
            raise SettingsRefused(
                "name the log's verifier key with --vkey: one kept outside, not asked from here"
            )
        key = vkey or read_facts(settings.data_dir)["log_vkey"]
        command = [sys.executable, "-m", "storage.ledger.verify", "--vkey", key]
        command += ["--checkpoint", str(checkpoint)] if checkpoint else []
        command += ["--json"] if as_json else []
        database_url = settings.database_url.get_secret_value() if settings.database_url else ""
        environment = {
            **os.environ,
            "BERKAS_DATABASE_URL": database_url,
            "BERKAS_ROOT_KEY": settings.root_key or "",
        }
        environment["PYTHONPATH"] = os.pathsep.join((str(setup.checkout()), os.environ.get("PYTHONPATH", "")))
        code = subprocess.run(command, env=environment, check=False).returncode
    raise typer.Exit(code)


@app.command("checkpoint")
def checkpoint() -> None:
    """Print the published checkpoint of the running application, to be kept elsewhere."""
    settings = setup.load_settings()
    origin = (
        read_facts(setup.data_dir(settings))["origin"] if settings.database_url is None else settings.origin
    )
    try:
        with urlopen(f"{origin}/log/checkpoint", timeout=5) as answer:  # noqa: S310 - our own address
            typer.echo(answer.read().decode(), nl=False)
    except (OSError, HTTPException) as error:
        raise SettingsRefused(
            f"no checkpoint from {origin} ({error}): the running application publishes it (start `berkas up`)"
        ) from None

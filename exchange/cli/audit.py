"""The log from the command line. Verifying runs as a program of its own that loads nothing of the exchange."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import typer

from exchange.cli import setup
from exchange.cli.sandbox.facts import read_facts
from exchange.flows import reopen_log, turn_keys
from exchange.settings import Settings, SettingsRefused
from exchange.wiring import wired
from storage.database import Database
from storage.ledger.checkpoint import CheckpointRefused

app = typer.Typer(no_args_is_help=True, help="The tamper-evident log.")


_VKEY = typer.Option(
    [], help="A verifier key of the log, once for each that it ever had; the sandbox's own are known."
)
_CHECKPOINT = typer.Option([], help="A checkpoint that was kept elsewhere; again for each.")
_POLICY = typer.Option(None, help="C2SP tlog-policy: which witnesses must have cosigned.")
_URL = typer.Option(None, help="A live log, read over its public tiles instead of the database.")
_EXPORT = typer.Option(
    [], help="A bundle or an export, judged alone unless --url or --database is given too."
)
_RECEIPT = typer.Option([], help="A signed receipt, a bundle, or a folder of bundles, held against the log.")
_JWKS = typer.Option(None, help="The archive of signing keys as it was kept outside.")
_KEY_USE = typer.Option(None, help="OpenBao's audit file: each use of a citizen's key needs an entry.")
_KEY_NAMES = typer.Option(None, help="Whose keys the values in that file are.")
_NEWEST = typer.Option(..., help="The newest checkpoint of the old log that was published, kept elsewhere.")


@app.command("verify")
def verify(
    vkey: list[str] = _VKEY,
    checkpoint: list[Path] = _CHECKPOINT,
    policy: Path | None = _POLICY,
    url: str | None = _URL,
    export: list[Path] = _EXPORT,
    receipt: list[Path] = _RECEIPT,
    jwks: Path | None = _JWKS,
    key_use: Path | None = _KEY_USE,
    key_names: Path | None = _KEY_NAMES,
    database: bool = typer.Option(False, "--database", help="Read the database beside --url or --export."),
    as_json: bool = typer.Option(False, "--json", help="For programs."),
) -> None:
    """Recompute the whole log from the database, a live log or what an export holds. Exit code 0 whole, 3 not whole, 1 unreadable."""
    files: list[tuple[str, list[Any]]] = [
        ("--checkpoint", checkpoint), ("--policy", [policy]), ("--url", [url]), ("--export", export), ("--receipt", receipt),
        ("--jwks", [jwks]), ("--key-use", [key_use]), ("--key-names", [key_names]),
    ]  # fmt: skip
    words = [str(word) for option, values in files for value in values if value for word in (option, value)]
    words += ["--database"] if database else []
    words += ["--json"] if as_json else []
    if vkey and (url or export) and not database:
        raise typer.Exit(_verified(vkey, words, {}))
    with setup.reachable() as settings:
        if not vkey and settings.mode == "production":
            raise SettingsRefused(
                "name the log's verifier key with --vkey: one kept outside, not asked from here"
            )
        code = checked(settings, vkey, words)
    raise typer.Exit(code)


def checked(settings: Settings, vkeys: list[str], words: Sequence[str] = ()) -> int:
    """The exit code of the program that verifies; ``words`` are its further arguments."""
    database_url = settings.database_url.get_secret_value() if settings.database_url else ""
    environment = {"BERKAS_DATABASE_URL": database_url, "BERKAS_ROOT_KEY": settings.root_key or ""}
    return _verified(vkeys or asyncio.run(own_keys(settings)), words, environment)


def _verified(vkeys: list[str], words: Sequence[str], more: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "storage.ledger.verify", *words]
    command += [word for key in vkeys for word in ("--vkey", key)]
    environment = {**os.environ, **more}
    environment["PYTHONPATH"] = os.pathsep.join((str(setup.checkout()), os.environ.get("PYTHONPATH", "")))
    return subprocess.run(command, env=environment, check=False).returncode


async def own_keys(settings: Settings) -> list[str]:
    """Of the sandbox, whose log is its own witness: the same database says what the log is and whose keys signed it."""
    database = Database(settings.database_url.get_secret_value() if settings.database_url else "")
    try:
        return list(await turn_keys.known_log_vkeys(database))
    finally:
        await database.close()


@app.command("reopen")
def reopen(checkpoint: Path = _NEWEST) -> None:
    """After a restore below a published checkpoint, everything else stopped: the log goes on under a new origin. Exit code 1 refused."""
    with setup.reachable() as settings:
        asyncio.run(open_anew(settings, checkpoint.read_text()))


async def open_anew(settings: Settings, note: str) -> str:
    """The verifier key under the new name. Raises ``SettingsRefused`` and ``NotReopened``."""
    owner = settings.migration_database_url or settings.database_url
    database = Database(owner.get_secret_value() if owner else "")
    try:
        vkeys = await turn_keys.known_log_vkeys(database)
        one = await reopen_log.reopened(database, note, vkeys)
    except CheckpointRefused as error:
        raise SettingsRefused(f"the checkpoint is not one of this log: {error}") from None
    finally:
        await database.close()
    async with wired(
        settings
    ) as parts:  # the first entry under the new name is made, and signed when this ends
        vkey = parts.publisher.vkey
    typer.echo(f"{one.previous} ends at {one.restored_size} entries, {one.origin} goes on")
    typer.echo(f"lost: entries {one.restored_size} to {one.lost_to - 1}")
    typer.echo(f"keep this key outside, beside the old one: {vkey}")
    return vkey


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

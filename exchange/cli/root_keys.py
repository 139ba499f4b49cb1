"""The root key and citizens' document keys from the command line: who needs which root key, wrapping anew, turning."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from exchange.cli import setup
from exchange.cli.enrol import with_parts
from exchange.cli.progress import progress
from exchange.deps import Parts, clock
from exchange.flows import turn_citizen_keys
from exchange.flows.turn_citizen_keys import KeysTurned, Tell
from exchange.settings import SettingsRefused
from storage import root_parts

CITIZEN = "citizen"
NOT_DONE = 3
_JSON = typer.Option(False, "--json", help="One object at the end.")
_PARTS = typer.Option(3, "--parts", min=2, max=255, help="How many there are.")
_NEEDED = typer.Option(2, "--needed", min=2, max=255, help="How many make the key.")
_OUT = typer.Option(..., "--out", help="The key's file to write; it must not be there yet.")


def register(app: typer.Typer) -> None:
    app.command("root")(root)
    app.command("rewrap")(rewrap)
    app.command("split")(split)
    app.command("combine")(combine)


def root(as_json: bool = _JSON) -> None:
    """Which root keys this database needs, and which one wraps now. Exit code 3 while another one is needed."""

    async def look(parts: Parts) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        provider = parts.keyring.provider
        now = {"root_key": provider.root_key_id, "version": provider.version}
        found = await turn_citizen_keys.under_roots(parts.database)
        return now, [{"root_key": root, "version": n, "rows": rows} for (root, n), rows in found.items()]

    now, needed = with_parts(look)
    others = [row for row in needed if (row["root_key"], row["version"]) != (now["root_key"], now["version"])]
    if as_json:
        typer.echo(json.dumps({"wraps": now, "needed": needed}, indent=2))
    else:
        typer.echo(f"wraps now: {now['root_key']} version {now['version']}")
        for row in needed:
            typer.echo(f"  {row['rows']:>9,} rows need {row['root_key']} version {row['version']}")
        typer.echo(
            "  `berkas keys rewrap` moves them; keep the other root key until then"
            if others
            else "  no other root key is needed: it may be destroyed when the last backup that needs it is gone"
        )
    if others:
        raise typer.Exit(NOT_DONE)


def rewrap(as_json: bool = _JSON) -> None:
    """Wrap every key by the root key that wraps now (BERKAS_ROOT_KEY); BERKAS_ROOT_KEY_OTHER names the one before. It may run beside
    the service and several times at once; interrupted, it goes on where it was. Exit code 3 when something is left.
    """

    async def count(parts: Parts) -> int:
        return await turn_citizen_keys.wait_for_root(parts.database, parts.keyring)

    async def turn(parts: Parts, tell: Tell) -> KeysTurned:
        return await turn_citizen_keys.rewrap(parts.database, parts.keyring, parts.appender, tell)

    _run("keys wrapped anew", count, turn, as_json=as_json)


def split(out: Path, parts: int = _PARTS, needed: int = _NEEDED) -> None:
    """The root key's file (BERKAS_ROOT_KEY) in parts on paper, one file each in the folder OUT: print them, then delete them. Needs no
    database.
    """
    scheme, _, path = (setup.load_settings().root_key or "").partition(":")
    if scheme != "file":
        raise SettingsRefused(
            "only a root key in a file is split: OpenBao and HSMs have backups of their own"
        )
    texts = root_parts.parts_of(Path(path), parts=parts, needed=needed)
    out.mkdir(mode=0o700)
    for number, text in enumerate(texts, start=1):
        descriptor = os.open(out / f"part-{number}.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    typer.echo(f"{parts} parts in {out}, any {needed} make the key; they were read back and combined")
    typer.echo(
        "  print each alone, give them to different people, rehearse `berkas keys combine`, delete the files"
    )


def combine(files: list[Path], out: Path = _OUT) -> None:
    """Parts as they were typed from paper, a file each, make the root key's file OUT again (mode 0400). Needs no database."""
    texts = [path.read_text(encoding="utf-8") for path in files]
    typer.echo(f"{out}: root key {root_parts.put_together(texts, out)}")


def turn_citizens(before: datetime | None, *, as_json: bool) -> None:
    """A fresh document key for every citizen whose own was made before that moment, now by default."""
    moment = clock() if before is None else before.replace(tzinfo=UTC)
    if before is None:
        said = moment.strftime("%Y-%m-%dT%H:%M:%S")
        typer.echo(f"after an interruption: berkas keys rotate --purpose citizen --before {said}", err=True)

    async def count(parts: Parts) -> int:
        return await turn_citizen_keys.wait_for_turn(parts.database, moment)

    async def turn(parts: Parts, tell: Tell) -> KeysTurned:
        return await turn_citizen_keys.turn_citizens(
            parts.database, parts.keyring, parts.appender, moment, clock(), tell
        )

    _run("citizens' keys turned", count, turn, as_json=as_json)


def _run(
    what: str,
    count: Callable[[Parts], Coroutine[Any, Any, int]],
    turn: Callable[[Parts, Tell], Coroutine[Any, Any, KeysTurned]],
    *,
    as_json: bool,
) -> None:
    async def work(parts: Parts) -> tuple[KeysTurned, float]:
        with progress(what, await count(parts)) as tell:
            began_s = time.monotonic()
            turned = await turn(parts, tell)
            return turned, time.monotonic() - began_s

    turned, took_s = with_parts(work)
    per_s = round((turned.citizens + turned.site) / max(took_s, 0.001))
    if as_json:
        report = {"citizens": turned.citizens, "site": turned.site, "left": turned.left, "per_s": per_s}
        typer.echo(json.dumps(report))
    else:
        site = f" and {turned.site} of the site" if turned.site else ""
        typer.echo(f"{turned.citizens:,} citizens{site}: {what}, {per_s:,} a second; {turned.left:,} left")
    if turned.left:
        raise typer.Exit(NOT_DONE)

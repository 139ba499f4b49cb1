"""``berkas backup``: the database first, then the objects; everything computed again; given back into an empty place only."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import typer

from exchange.backups import BackupRefused, Described, Folder, described, read_statement
from exchange.cli import audit, setup
from exchange.cli.progress import progress
from exchange.deps import clock
from exchange.flows import keep_backup, restore_backup
from exchange.flows.keep_backup import Plan, Report
from exchange.settings import Settings, SettingsRefused
from exchange.wiring import sealed_shelf
from storage import schema
from storage.backup_seal import BackupSeal
from storage.database import Database
from storage.dumps import Dumps, server_major
from storage.embedded.postgres_binaries import OLDEST_MAJOR, dump_tools
from storage.ledger.checkpoint import CheckpointRefused, NoteVerifier, open_note

app = typer.Typer(no_args_is_help=True, help="Copies of everything, and back.")
FOUND_WRONG = 3
NAMED_AT_MOST = 20
_FOLDER = typer.Argument(..., file_okay=False, help="The backup.")
_LIST_ONLY = typer.Option(
    False, "--list-only", help="List the objects; the bucket is copied by means of your own, after this."
)
_UNSEALED = typer.Option(
    False, "--unsealed", help="A backup of before there was a seal, from a place where nobody else writes."
)
_JSON = typer.Option(False, "--json", help="For programs: one object.")
_VKEY = typer.Option([], help="A verifier key of the log, once for each that it ever had, as kept outside.")
_CHECKPOINT = typer.Option(None, help="The newest checkpoint that was kept outside.")


@app.command("create")
def create(folder: Path = _FOLDER, list_only: bool = _LIST_ONLY, as_json: bool = _JSON) -> None:
    """A backup into an empty folder, or the one that was interrupted there. Exit code 0 whole, 3 an object is missing or damaged: not
    finished, run `berkas fsck --deep --repair` and then this again, 1 refused or failed.
    """
    with setup.reachable() as settings:
        report = asyncio.run(_created(settings, Plan(Folder(folder.resolve()), not list_only, clock())))
    _tell(report, as_json=as_json)


@app.command("verify")
def verify(folder: Path = _FOLDER, unsealed: bool = _UNSEALED, as_json: bool = _JSON) -> None:
    """Compute everything again from the dump, and read every object; no server is asked. Where the root key is at hand, who wrote it, too.
    Exit code 0 whole, 3 not, 1 unreadable.
    """
    root = _root(setup.load_settings())
    _tell(_verified(Folder(folder.resolve()), root, unsealed=unsealed), as_json=as_json)


@app.command("restore")
def restore(
    folder: Path = _FOLDER,
    vkey: list[str] = _VKEY,
    checkpoint: Path | None = _CHECKPOINT,
    unsealed: bool = _UNSEALED,
) -> None:
    """Give a backup back into an empty database and bucket, then verify the log; below a published checkpoint it is opened anew. Exit
    code 0 done, 1 refused with nothing changed or failed, 3 given back but the log is not whole.
    """
    backup = Folder(folder.resolve())
    settings = setup.load_settings()
    if settings.mode == "production" and not (vkey and checkpoint):
        raise SettingsRefused("name the log's verifier key and the newest checkpoint, as kept outside")
    note = checkpoint.read_text() if checkpoint else None
    root = _root(settings)
    if root is None:
        raise BackupRefused(
            "no root key is at hand: put the one of the backup in its place (BERKAS_ROOT_KEY, or keys/root.key in the data directory)"
        )
    report = _verified(backup, root, unsealed=unsealed)
    if not report.whole:
        why = "; ".join(report.problems) or "objects are missing or damaged"
        raise BackupRefused(f"the backup is not whole (berkas backup verify): nothing was changed: {why}")
    with setup.servers(settings) as (ready, _):
        found = asyncio.run(_given_back(ready, backup))
        setup.migrate(ready)
        fresh = _opened_anew(ready, found, vkey, note)
        code = audit.checked(
            ready, [*vkey, *fresh] if vkey else [], ["--checkpoint", str(checkpoint)] if checkpoint else []
        )
    raise typer.Exit(code)


async def _created(settings: Settings, plan: Plan) -> Report:
    root = _root(settings)
    if root is None:
        raise SettingsRefused("BERKAS_ROOT_KEY is not set: a backup is sealed by the root key")
    database = Database(_url(settings))
    try:
        async with database.reading() as reading:
            major = await server_major(reading)
        found = await keep_backup.dumped(Dumps(dump_tools(major)), _owner_url(settings), plan)
        with progress("objects", len(found.items)) as advance:
            async with sealed_shelf(settings) as shelf:
                return await keep_backup.finish(found, database, shelf, root, plan, advance)
    finally:
        await database.close()


def _verified(folder: Folder, root: BackupSeal | None, *, unsealed: bool) -> Report:
    dumps = Dumps(dump_tools(OLDEST_MAJOR))
    with progress("objects", None) as advance:
        return asyncio.run(keep_backup.verified(dumps, folder, root, unsealed=unsealed, progress=advance))


def _root(settings: Settings) -> BackupSeal | None:
    """Of the root key that the settings name, or that lies in the sandbox's data directory; none is made."""
    path = setup.data_dir(settings) / setup.ROOT_KEY
    here = f"file:{path}" if settings.mode == "sandbox" and path.exists() else ""
    url = settings.root_key or here
    return BackupSeal(url, settings.root_key_other) if url else None


async def _given_back(settings: Settings, folder: Folder) -> Described:
    database = Database(_url(settings))
    said = read_statement(folder)
    try:
        async with database.reading() as reading:
            dumps = Dumps(dump_tools(await server_major(reading)))
        found = await described(dumps, folder.dump)
        if found.revision > schema.HEAD:
            raise BackupRefused(
                f"the backup is of schema {found.revision}, this release knows {schema.HEAD}: use the newer release"
            )
        async with sealed_shelf(settings) as shelf:
            await restore_backup.refuse_what_is_not_empty(database, shelf, found, said)
            with progress("objects", len(found.items)) as advance:
                wrong = await restore_backup.give_back_objects(shelf, folder, found, said, advance)
        if wrong:
            raise BackupRefused(
                f"the store gives {len(wrong)} objects otherwise than they were; the database was not restored"
            )
        await restore_backup.give_back_database(dumps, _owner_url(settings), folder)
    finally:
        await database.close()
    return found


def _opened_anew(settings: Settings, found: Described, vkeys: list[str], note: str | None) -> list[str]:
    """The log's new key where the checkpoint says that entries are lost."""
    if note is None:
        return []
    try:
        keys = vkeys or asyncio.run(audit.own_keys(settings))
        published = open_note(note, [NoteVerifier(key) for key in keys])
    except CheckpointRefused as error:
        raise SettingsRefused(
            f"everything was given back, but the checkpoint is not one of this log ({error}): do not start it; see `berkas log reopen`"
        ) from None
    if published.size <= found.entries:
        return []
    return [asyncio.run(audit.open_anew(settings, note))]


def _url(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""


def _owner_url(settings: Settings) -> str:
    owner = settings.migration_database_url
    return owner.get_secret_value() if owner else _url(settings)


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"whole": report.whole}))
    else:
        typer.echo("\n".join(_told(report)))
    raise typer.Exit(0 if report.whole else FOUND_WRONG)


def _told(report: Report) -> list[str]:
    facts = report.facts
    lines = [f"objects        {report.objects}, {report.object_bytes} bytes"]
    if facts:
        keys = ", ".join(f"{key} version {version}" for key, version in facts["keys"])
        lines += [
            f"made           {facts['created_at']}, schema {facts['revision']}, objects {facts['objects_are']}",
            f"log            {facts['origin']}, {facts['entries']} entries",
            f"root key       {keys} (not in the backup)",
            f"seal           {'of the root key at hand' if report.sealed else 'not checked'}",
        ]
    for name, found in (("MISSING", report.missing), ("DAMAGED", report.damaged)):
        lines += [f"{name:<15}{key}" for key in found[:NAMED_AT_MOST]]
        lines += [f"{name:<15}{len(found)} objects"] if found else []
    lines += [f"WRONG          {problem}" for problem in report.problems]
    return [*lines, "the backup is whole" if report.whole else "THE BACKUP IS NOT WHOLE"]

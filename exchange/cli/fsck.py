"""``berkas fsck``: is every stored paper still what its row says, and does every object belong to one?"""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from exchange.cli.enrol import with_parts
from exchange.cli.progress import progress
from exchange.deps import Parts, clock
from exchange.flows import check_store
from exchange.flows.check_store import Check, Report, Wish

FOUND_WRONG = 3
UNREADABLE = 1
_DEEP = typer.Option(False, "--deep", help="Read and open every object: digests and seals.")
_REPAIR = typer.Option(
    False,
    "--repair",
    "--quarantine",
    help="Put aside what is damaged, let out what is whole again, remove what belongs to nobody.",
)


def register(app: typer.Typer) -> None:
    app.command()(fsck)


def fsck(
    deep: bool = _DEEP,
    repair: bool = _REPAIR,
    as_json: bool = typer.Option(False, "--json", help="For programs: one object."),
) -> None:
    """Rows against objects, both ways. Exit code 0 clean, 3 something is wrong or in quarantine, 1 it could not be looked at whole."""

    async def run(parts: Parts) -> Report:
        total = await check_store.count(parts.database)
        with progress("fsck", total) as advance:
            check = Check(
                parts.database,
                parts.keyring,
                parts.appender,
                parts.vault,
                Wish(deep, repair),
                now=clock(),
                progress=advance,
            )
            return await check.run()

    report: Report = with_parts(run)
    typer.echo(json.dumps(asdict(report) | {"clean": report.clean}) if as_json else _told(report))
    raise typer.Exit(UNREADABLE if report.unread else 0 if report.clean else FOUND_WRONG)


def _told(report: Report) -> str:
    lines = [
        f"versions       {report.versions}, {report.pending} intakes under way",
        f"objects        {report.objects}, {report.object_bytes} bytes, {report.read_bytes} read",
        f"damaged        {report.faults}: {report.put_aside} put aside, {report.let_out} let out, {report.in_quarantine} in quarantine",
        f"nobody's       {report.orphans} ({report.outside} under foreign names), of erased papers {report.left_over}: {report.removed} removed",
    ]
    if report.outside > check_store.OUTSIDE_AT_MOST:
        lines.append(
            "not removed    too much under foreign names: is BERKAS_S3_BUCKET the bucket of Berkas alone?"
        )
    if report.unread:
        lines.append(f"not read       {report.unread}: the store could not give them, run it again")
    lines += [
        f"  {found.document_id}/{found.version} ({found.state}): {found.fault or 'whole'}, {found.act}"
        for found in report.found
    ]
    return "\n".join([*lines, "the store is clean" if report.clean else "SOMETHING IS WRONG"])

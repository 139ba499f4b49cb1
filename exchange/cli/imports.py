"""``berkas import documents``: a folder or a ZIP archive of papers with a manifest, row by row through what the counter does.

A row is an enrolment and an intake, as an agency's back end would ask for them: judged live, sealed, on the citizen's trail under the
client's name. A row that was taken is not taken again; the report says which those are, by row number alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import typer

from auth.callers import Machine
from auth.verdict import AccessRefused
from exchange import uploads
from exchange.answers import limits_of
from exchange.cli.enrol import with_parts
from exchange.cli.progress import progress
from exchange.deps import Parts, clock, today_at
from exchange.flows import enrol, run_clients, take_in
from exchange.holdings import numbered
from exchange.limits import Limits
from exchange.manifest import Manifest, ManifestRefused, Papers, PaperUnreadable, Row, read_manifest
from exchange.problems import PROBLEMS
from exchange.reasons import problem_for
from exchange.requirements.numbers import NumberError, parse_nik
from exchange.settings import SettingsRefused

app = typer.Typer(no_args_is_help=True, help="Papers that exist already.")
AT_ONCE = 12
_CHUNK_BYTES = 262_144
FOUND_WRONG = 3
_NO_LIMIT = 1 << 40
_PLACE = typer.Argument(..., help="A folder, or a ZIP archive.")
_MANIFEST = typer.Option(
    ..., "--manifest", help="CSV, UTF-8: nik, name, type, file, and what is known of the paper."
)
_CLIENT = typer.Option(
    ..., "--client", help="Whose papers they are: a client with subjects.enrol and documents.submit."
)
_REPORT = typer.Option(None, "--report", help="One JSON line a row (MANIFEST.report.jsonl).")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one row; nothing of what stands in it."""

    row: int
    outcome: str  # taken, known or refused
    members: dict[str, Any] = field(default_factory=dict)


@app.callback()
def _group() -> None:
    """Papers that exist already."""


@app.command("documents")
def documents(
    place: Path = _PLACE, manifest: Path = _MANIFEST, client: str = _CLIENT, report: Path | None = _REPORT
) -> None:
    """Take in every row's paper; run it again to go on after an interruption. Exit code 0 all taken, 3 rows were refused, 1 it could not
    be done.
    """
    with ExitStack() as stack:
        try:
            asked = read_manifest(manifest)
            papers = Papers.opened(place, stack)
            log = Log(report or manifest.with_name(manifest.name + ".report.jsonl"), asked)
        except ManifestRefused as refused:
            raise SettingsRefused(str(refused)) from None

        async def run(parts: Parts) -> None:
            await import_all(parts, client, papers, asked, log)

        with_parts(run)
    typer.echo(f"rows {len(asked.rows)}: {log.taken} taken, {log.known} known, {log.refused} refused")
    for code, count in sorted(log.codes.items()):
        typer.echo(f"  {count} x {code}: {PROBLEMS[code].remedy_en}")
    typer.echo(f"each row: {log.path}")
    raise typer.Exit(FOUND_WRONG if log.refused else 0)


class Log:
    """The report, which is also what is gone on with. Raises ``ManifestRefused`` for one of another manifest."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.taken = self.known = self.refused = 0
        self.codes: dict[str, int] = {}
        self.done: set[int] = set()
        head = {"manifest_sha256": manifest.sha256}
        try:
            lines = [json.loads(line) for line in _whole_lines(path)]
        except (OSError, ValueError, RecursionError):
            raise ManifestRefused(f"{path} is no report") from None
        if not all(_is_of_a_row(line) for line in lines[1:]):
            raise ManifestRefused(f"{path} is no report any more: name another file, or restore it")
        if lines and lines[0] != head:
            raise ManifestRefused(f"{path} is the report of another manifest; name another file")
        self._file = path.open("a", encoding="utf-8")
        if not lines:
            self._write(head)
        for line in lines[1:]:
            if line["outcome"] != "refused":
                self.done.add(line["row"])
                self._count(line["outcome"])

    def add(self, outcome: Outcome) -> None:
        self._write({"row": outcome.row, "outcome": outcome.outcome, **outcome.members})
        self._count(outcome.outcome)
        if code := outcome.members.get("code"):
            self.codes[code] = self.codes.get(code, 0) + 1

    def _count(self, outcome: str) -> None:
        setattr(self, outcome, getattr(self, outcome) + 1)

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def _is_of_a_row(line: object) -> bool:
    return (
        isinstance(line, dict)
        and type(line.get("row")) is int
        and line.get("outcome") in ("taken", "known", "refused")
    )


def _whole_lines(path: Path) -> Iterator[str]:
    """The last one may have been cut by what interrupted the run: it is taken off the file."""
    if not path.exists():
        return iter(())
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return iter(whole.decode().splitlines())


async def _agency_of(parts: Parts, client_id: str) -> str:
    for row in await run_clients.list_clients(parts.database):
        if row.client.id == client_id:
            return row.client.agency_id
    raise SettingsRefused(f"no such client: {client_id} (berkas client add)")


async def import_all(parts: Parts, client: str, papers: Papers, manifest: Manifest, log: Log) -> None:
    """Raises what the database, the ledger and the store raise: the rows under way are not on the report, and are asked for again."""
    work = _Import(parts, client, await _agency_of(parts, client), papers)
    rows = [row for row in manifest.rows if row.number not in log.done]
    waiting = iter(rows)
    with progress("rows", len(rows)) as advance:

        async def worker() -> None:
            for row in waiting:
                log.add(await work.row(row))
                advance(1)

        workers = [asyncio.create_task(worker()) for _ in range(AT_ONCE)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


class _Import:
    def __init__(self, parts: Parts, client: str, agency_id: str, papers: Papers) -> None:
        self._parts = parts
        self._enroller = Machine(client, agency_id, "subjects.enrol", "")
        self._submitter = Machine(client, agency_id, "documents.submit", "")
        self._papers = papers
        # An operator's import looks at nobody, and must not spend what the agency's counters may reach in this hour.
        self._limits: Limits = replace(
            limits_of(parts),
            citizens_per_client=_NO_LIMIT,
            citizens_per_agency=_NO_LIMIT,
            sequential=_NO_LIMIT,
            counted=False,
        )
        self._turns: dict[str, asyncio.Lock] = {}

    async def row(self, row: Row) -> Outcome:
        """One citizen's rows after one another, in the manifest's order: the last scan of a paper is the current one."""
        async with self._turns.setdefault(row.nik, asyncio.Lock()):
            try:
                taken = await self._taken(row)
            except NumberError as error:
                return _refused(row, "BK-3009", column=error.field, rule=error.rule)
            except PaperUnreadable:
                return _refused(row, "BK-3053")
            except AccessRefused as refused:
                return _refused(row, problem_for(refused.reason).code, reason=refused.reason)
        if isinstance(taken, str):
            return _refused(row, taken)
        version = taken.version
        kept = {
            "document_id": version.document_id,
            "version": version.version,
            "sha256": version.sha256,
            "received_sha256": version.received_sha256,
        }
        return Outcome(row.number, "taken" if taken.created else "known", kept)

    async def _taken(self, row: Row) -> take_in.Taken | str:
        """A problem's code where the row itself cannot be asked for."""
        parts, today = self._parts, today_at(self._parts.zone)
        kind = parts.catalogue.document_types.get(row.values["type"])
        if kind is None:
            return "BK-3008"
        size = self._papers.size(row.values["file"])
        if size is None:
            return "BK-3052"
        paper = row.paper()
        if (wrong := uploads.impossible_date(paper, today)) is not None:
            raise wrong
        born = row.day("birth_date")
        body = await self._body(row, size)
        subject_ref = await self._enrolled(row, born)
        number, about = row.values.get("number"), row.values.get("about")
        checked, thing = await numbered(
            parts.database, parts.keyring, subject_ref, kind, number, about, today
        )
        return await take_in.take_in(
            parts.database,
            parts.keyring,
            parts.appender,
            parts.vault,
            parts.gate,
            caller=self._submitter,
            subject_ref=subject_ref,
            document_type=kind,
            shareable=kind.code not in parts.catalogue.never_shared,
            paper=replace(paper, number=checked.normalised if checked else None, about=thing),
            body=body,
            limit_bytes=parts.settings.upload_limit_bytes,
            limits=self._limits,
            now=clock(),
        )

    async def _enrolled(self, row: Row, born: date | None) -> str:
        parts = self._parts
        enrolled = await enrol.enrol(
            parts.database,
            parts.keyring,
            parts.appender,
            caller=self._enroller,
            nik=parse_nik(row.nik, birth_date=born, today=today_at(parts.zone)),
            name=row.name(),
            birth_date=born,
            contacts=[],
            limits=self._limits,
            now=clock(),
        )
        return enrolled.subject_ref

    async def _body(self, row: Row, size: int) -> uploads.Body:
        """What is too large is refused unread. Raises ``PaperUnreadable``."""
        content = b""
        if size <= self._parts.settings.upload_limit_bytes:
            content = await asyncio.to_thread(self._papers.read, row.values["file"], size)

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, size, _CHUNK_BYTES):
                yield content[start : start + _CHUNK_BYTES]

        return uploads.Body(row.media_type, size, hashlib.sha256(content).digest(), chunks())


def _refused(row: Row, code: str, **more: str) -> Outcome:
    return Outcome(row.number, "refused", {"code": code, **more})

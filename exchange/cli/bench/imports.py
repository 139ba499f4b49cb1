"""``bench import``: papers a second through ``berkas import documents``, the gate included, JPEG and PDF of 300 KB apart.

A citizen a row: enrolled, inspected, sealed, stored, read back, on record. The time begins when the command has opened its services.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from exchange.cli.bench.figures import BenchError, Part, Scale
from exchange.cli.bench.gate import bound, page_of_300_kb
from exchange.cli.bench.papers import DOCUMENT_TYPE
from exchange.cli.bench.people import nik_of, open_counter
from exchange.cli.bench.world import World
from exchange.cli.imports import Log, import_all
from exchange.flows import run_clients
from exchange.manifest import REQUIRED, Papers, read_manifest
from exchange.wiring import at_work

CLIENT = "bench-import"
Say = Callable[[str], None]


async def imports(world: World, scale: Scale, say: Say) -> dict[str, Part]:
    """The part "import"."""
    page = page_of_300_kb()
    figures: Part = {}
    async with at_work(world.settings.model_copy(update={"inspect_files": True})) as parts:
        counter = await open_counter(parts)
        await run_clients.add_client(
            parts.database,
            parts.keyring,
            parts.appender,
            client_id=CLIENT,
            agency_id=counter.officer.agency_id,
            name="Bench",
            scopes=("subjects.enrol", "documents.submit"),
            purposes=(),
        )
        for kind in ("jpg", "pdf"):
            say(f"importing {scale.imports} {kind} of {len(page) // 1024} KB ...")
            folder = _written(world, kind, page, scale.imports)
            manifest = read_manifest(folder / "manifest.csv")
            log = Log(folder / "report.jsonl", manifest)
            with ExitStack() as stack:
                papers = Papers.opened(folder, stack)
                began_s = time.perf_counter()
                await import_all(parts, CLIENT, papers, manifest, log)
                seconds = time.perf_counter() - began_s
            if log.taken != scale.imports:
                raise BenchError(f"{log.refused} of {scale.imports} rows were refused: {sorted(log.codes)}")
            figures[f"{kind}_per_s"] = round(scale.imports / seconds, 1)
    return {"import": figures | {"rows": scale.imports, "gate": "on"}}


def _written(world: World, kind: str, page: bytes, number: int) -> Path:
    """A folder of papers, no two alike, and its manifest."""
    folder = world.folder / f"import-{kind}"
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(REQUIRED)
        for row in range(number):
            own = _commented(page, b"%08d" % row)
            (folder / f"{row}.{kind}").write_bytes(bound(own) if kind == "pdf" else own)
            lines.writerow((nik_of(next(world.numbers)), "Warga", DOCUMENT_TYPE, f"{row}.{kind}"))
    return folder


def _commented(page: bytes, text: bytes) -> bytes:
    """The same JPEG with a comment (ITU-T T.81 B.2.4.5) behind its first two bytes."""
    return page[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + page[2:]

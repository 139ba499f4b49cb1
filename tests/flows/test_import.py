"""``berkas import documents``: papers that exist already come in row by row, by the counter's rules, told by row number alone."""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exchange.cli.imports import Log, Outcome
from exchange.flows import run_clients
from exchange.manifest import ManifestRefused, Row, read_manifest
from exchange.requirements.numbers import NumberError
from tests.conftest import PostgresServer, StoreServer
from tests.files import noted
from tests.flows.test_backup import Place
from tests.tampering import fsck
from tests.world import JPEG, NIK, OTHER_NIK, PDF, World

HEADER = "nik,name,type,file,number,issued_on,background\n"
CLIENT = "arsip-dpmptsp"


@dataclass
class Archive:
    """Papers, a manifest, and the command that takes them in."""

    world: World
    place: Place
    folder: Path
    manifest: Path

    def writes(self, *rows: str) -> None:
        self.manifest.write_text(HEADER + "".join(f"{row}\n" for row in rows))

    async def comes_in(self, place: Path | None = None, code: int = 0) -> str:
        words = ("--manifest", str(self.manifest), "--client", CLIENT)
        return await self.place.runs("import", "documents", str(place or self.folder), *words, code=code)

    def report(self) -> list[dict[str, Any]]:
        path = self.manifest.with_name("manifest.csv.report.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()][1:]

    def codes(self) -> dict[int, str]:
        return {line["row"]: line.get("code", line["outcome"]) for line in self.report()}

    async def versions(self) -> int:
        async with self.world.parts.database.transaction() as transaction:
            return int(await transaction.raw.fetchval("SELECT count(*) FROM document_version"))


@pytest.fixture
async def archive(
    world: World,
    database_url: str,
    postgres: PostgresServer,
    store: StoreServer,
    bucket_name: str,
    tmp_path: Path,
) -> Archive:
    parts = world.parts
    await run_clients.add_client(
        parts.database,
        parts.keyring,
        parts.appender,
        client_id=CLIENT,
        agency_id="DPMPTSP@6472",
        name="Arsip",
        scopes=("subjects.enrol", "documents.submit"),
        purposes=(),
    )
    name = database_url.rpartition("/")[2]
    place = Place(database_url, postgres.at(postgres.owner, name), store, bucket_name, tmp_path / "root.key")
    place.more = {"BERKAS_UPLOAD_LIMIT_BYTES": "1000000"}
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / f"{NIK}.jpg").write_bytes(JPEG)
    (folder / "photo.jpg").write_bytes(noted(JPEG, b"photo"))
    (folder / "wrong.jpg").write_bytes(PDF)
    (tmp_path / "outside.jpg").write_bytes(noted(JPEG, b"outside"))
    return Archive(world, place, folder, tmp_path / "manifest.csv")


async def test_rows_come_in_as_at_the_counter(archive: Archive) -> None:
    """What is taken is readable; what is refused is told with its code, by row number; no number or name of a person is told."""
    archive.writes(
        f"{NIK},Warga Contoh,KTP,{NIK}.jpg,{NIK},,",
        f"{NIK},Warga Contoh,PASFOTO,photo.jpg,,,red",
        "6472999999999999,Warga Contoh,KTP,photo.jpg,,,",
        f"{OTHER_NIK},Warga Lain,KTP,gone.jpg,,,",
        f"{OTHER_NIK},Warga Lain,KTP,../outside.jpg,,,",
        f"{OTHER_NIK},Warga Lain,KTP,wrong.jpg,,,",
        f"{OTHER_NIK},Warga Lain,KTP,photo.jpg,{NIK},,",
        f"{OTHER_NIK},Warga Lain,XYZ,photo.jpg,,,",
        f"{OTHER_NIK},Warga Lain,KTP,photo.jpg,,2999-01-01,",
    )
    told = await archive.comes_in(code=3)
    assert "rows 9: 2 taken, 0 known, 7 refused" in told
    codes = archive.codes()
    assert (codes[2], codes[3]) == ("taken", "taken")
    assert [codes[row] for row in (4, 5, 6, 7, 9, 10)] == [
        "BK-3009", "BK-3052", "BK-3052", "BK-3007", "BK-3008", "BK-3009",
    ]  # fmt: skip
    assert (
        next(line["reason"] for line in archive.report() if line["row"] == 8) == "number_of_another_citizen"
    )
    for text in (told, json.dumps(archive.report())):
        assert not any(word in text for word in (NIK, OTHER_NIK, "Warga"))
    assert await archive.versions() == 2
    entries = [entry for entry in await archive.world.entries() if entry["type"] == "intake"]
    assert {entry["actor"] for entry in entries} == {f"client:{CLIENT}"}
    kept = {line["row"]: line["sha256"] for line in archive.report() if line["outcome"] == "taken"}
    assert kept == {
        number: hashlib.sha256(content).hexdigest()
        for number, content in ((2, JPEG), (3, noted(JPEG, b"photo")))
    }
    assert (await fsck(archive.world, deep=True)).clean


async def test_it_goes_on_where_it_was(archive: Archive) -> None:
    """Rows that were taken are left alone, what was refused is tried again; a line that was cut is no line; another manifest is refused."""
    archive.writes(f"{NIK},Warga Contoh,KTP,{NIK}.jpg,,,", f"{NIK},Warga Contoh,PASFOTO,later.jpg,,,red")
    await archive.comes_in(code=3)
    report = archive.manifest.with_name("manifest.csv.report.jsonl")
    with report.open("a") as file:
        file.write('{"row": 3, "outco')
    before = len(await archive.world.entries())
    (archive.folder / "later.jpg").write_bytes(noted(JPEG, b"later"))
    assert "rows 2: 2 taken, 0 known, 0 refused" in await archive.comes_in()
    assert archive.codes() == {2: "taken", 3: "taken"}
    assert len(await archive.world.entries()) - before <= 2  # one enrolment that was known, one intake
    report.unlink()
    assert "0 taken, 2 known" in await archive.comes_in()
    assert await archive.versions() == 2
    archive.writes(f"{NIK},Warga Contoh,KTP,photo.jpg,,,")
    assert "report of another manifest" in await archive.comes_in(code=1)


async def test_an_archive_is_as_good_as_a_folder(archive: Archive, tmp_path: Path) -> None:
    """A ZIP; what is neither is refused before anything is done."""
    with zipfile.ZipFile(tmp_path / "papers.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.write(archive.folder / "photo.jpg", "a/photo.jpg")
        file.writestr("large.jpg", JPEG + bytes(2_000_000))
    archive.writes(
        f"{NIK},Warga Contoh,KTP,a/photo.jpg,,,",
        f"{NIK},Warga Contoh,KTP,{NIK}.jpg,,,",
        f"{NIK},Warga Contoh,KTP,large.jpg,,,",
    )
    await archive.comes_in(tmp_path / "papers.zip", code=3)
    codes = archive.codes()
    assert (codes[2], codes[3]) == ("taken", "BK-3052")
    assert codes[4] == "BK-3005"
    assert "name a folder, or a ZIP" in await archive.comes_in(archive.manifest, code=1)


async def test_a_file_that_cannot_be_read_is_one_row(archive: Archive) -> None:
    """A50, A41: links that lead to themselves, names that no file can have: the other rows come in, and nothing is told but row numbers.
    Wrong version: the first of them ends the import, with a trace of calls that shows the file's name."""
    (archive.folder / f"{OTHER_NIK}_KTP.jpg").symlink_to(f"{OTHER_NIK}_KTP.jpg")
    names = (f"{OTHER_NIK}_KTP.jpg", f"{OTHER_NIK}\0.jpg", f"{OTHER_NIK}" * 20 + ".jpg", ".", "")
    rows = [f"{NIK},Warga Contoh,KTP,{name},,," for name in names]
    archive.writes(*rows, f"{NIK},Warga Contoh,KTP,{NIK}.jpg,,,")
    told = await archive.comes_in(code=3)
    assert archive.codes() == dict.fromkeys(range(2, 7), "BK-3052") | {7: "taken"}
    assert OTHER_NIK not in told
    assert "Traceback" not in told


@pytest.mark.parametrize("year", ["9" * 5_000, "19990", "\u0661\u0669\u0669\u0669", "99", "-199"])
def test_a_year_that_is_none(year: str) -> None:
    """Wrong version: digits are made a number first, and Python gives up above 4,300 of them."""
    with pytest.raises(NumberError):
        Row(2, {"tax_year": year}).paper()


async def test_a_member_that_cannot_be_read_is_one_row(archive: Archive, tmp_path: Path) -> None:
    """A41: broken, encrypted, packed in a way that inflates without bound, another size than it says: BK-3053, nobody is enrolled for it.
    Wrong version: zlib's and LZMA's own errors are nobody's, and end the import."""
    noise = random.Random(20_261_126).randbytes(3_000)
    methods = {
        "deflate.jpg": zipfile.ZIP_DEFLATED,
        "lzma.jpg": zipfile.ZIP_LZMA,
        "bzip2.jpg": zipfile.ZIP_BZIP2,
    }
    place = tmp_path / "papers.zip"
    with zipfile.ZipFile(place, "w") as file:
        for name, method in methods.items():
            file.writestr(name, noise, method)
        file.writestr("encrypted.jpg", JPEG)
        file.writestr("short.jpg", noted(JPEG, b"short"))
        file.writestr("fine.jpg", JPEG, zipfile.ZIP_DEFLATED)
    content = bytearray(place.read_bytes())
    for name in methods:
        start = content.index(name.encode()) + len(name)
        content[start : start + 60] = b"\xff" * 60
    entry = content.rindex(b"PK\1\2", 0, content.rindex(b"encrypted.jpg"))
    content[entry + 8] |= 1
    entry = content.rindex(b"PK\1\2", 0, content.rindex(b"short.jpg"))
    content[entry + 24 : entry + 28] = (10**6).to_bytes(4, "little")
    place.write_bytes(content)
    wrong = [*methods, "encrypted.jpg", "short.jpg"]
    archive.writes(
        *(f"{OTHER_NIK},Warga Lain,KTP,{name},,," for name in wrong), f"{NIK},Warga Contoh,KTP,fine.jpg,,,"
    )
    told = await archive.comes_in(place, code=3)
    assert archive.codes() == dict.fromkeys(range(2, 7), "BK-3053") | {7: "taken"}
    assert "5 x BK-3053" in told
    async with archive.world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT count(*) FROM subject") == 1
    place.write_bytes(
        content.replace(b"fine.jpg", b"\xff\xfene.jpg").replace(
            b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\0\x08"
        )
    )
    assert "name a folder, or a ZIP" in await archive.comes_in(place, code=1)


async def test_names_by_the_rule_of_the_counter(archive: Archive) -> None:
    """A32, A50: what POST /v1/subjects refuses, a manifest does not bring in. Wrong version: only the length is looked at."""
    officer = await archive.world.officer()
    names = (
        "Warga\0Contoh",
        "Warga\x1b[2J",
        "Warga \u202ehotnoC",
        "Warga\u200bContoh",
        "W" * 201,
        "",
        "Siti Nurhaliza d/a \u0106",
    )
    asked = [{"nik": OTHER_NIK, "name": name} for name in names]
    answers = [(await officer.post("/v1/subjects", json=body)).status_code for body in asked]
    archive.writes(*(f"{OTHER_NIK},{name},KTP,photo.jpg,,," for name in names))
    await archive.comes_in(code=3)
    assert answers == [422] * 6 + [201]
    assert list(archive.codes().values()) == ["BK-3009"] * 6 + ["taken"]
    assert {line.get("column") for line in archive.report()[:-1]} == {"name"}


def test_a_manifest_or_a_report_that_says_two_things(tmp_path: Path) -> None:
    """Wrong version: of two columns of one name the last one counts; a line of the report that is none ends in a trace of calls."""
    path, report = tmp_path / "manifest.csv", tmp_path / "report.jsonl"
    path.write_text(f"nik,name,type,file,type\n{NIK},Warga Contoh,KTP,photo.jpg,KK\n")
    with pytest.raises(ManifestRefused, match="has a column twice"):
        read_manifest(path)
    path.write_text(HEADER + f"{NIK},Warga Contoh,KTP,photo.jpg,,,\n")
    manifest = read_manifest(path)
    Log(report, manifest).add(Outcome(2, "taken"))
    whole = report.read_text()
    assert Log(report, manifest).done == {2}
    for line in (
        '{"row":5}',
        "[]",
        "7",
        '{"row":"2","outcome":"taken"}',
        '{"row":2,"outcome":["taken"]}',
        "[" * 5_000,
    ):
        report.write_text(f"{whole}{line}\n")
        with pytest.raises(ManifestRefused, match="is no report"):
            Log(report, manifest)


async def test_who_may_not_is_refused_row_by_row(archive: Archive) -> None:
    """Judged live, like every call of that client; nothing is kept."""
    parts = archive.world.parts
    await run_clients.set_client_active(parts.keyring, parts.appender, client_id=CLIENT, active=False)
    archive.writes(f"{NIK},Warga Contoh,KTP,{NIK}.jpg,,,")
    await archive.comes_in(code=3)
    assert archive.report()[0]["outcome"] == "refused"
    assert await archive.versions() == 0


async def test_an_import_spends_no_limit_of_the_agency(archive: Archive) -> None:
    """A62: else its counters would serve nobody for the rest of the hour."""
    archive.writes(f"{NIK},Warga Contoh,KTP,{NIK}.jpg,,,")
    await archive.comes_in()
    async with archive.world.parts.database.transaction() as transaction:
        rows = await transaction.raw.fetch("SELECT id FROM hourly_budget WHERE used > 0")
    assert [row["id"] for row in rows if row["id"].startswith("DPMPTSP@6472/")] == []

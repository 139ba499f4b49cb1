"""What tests of packages share: a citizen with several papers under one consent, and an archive read as it comes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import httpx

from tests.world import NIK, OfficerAt, World

AGENCY, SERVICE = "IMIGRASI", "IMIGRASI.PASPOR_GANTI"
KINDS = ("KK", "KTP", "PASPOR")


@dataclass(frozen=True)
class Folder:
    """One citizen's papers, ``contents`` by type, and a ticket for all of them."""

    officer: OfficerAt
    consent: str
    ticket: dict[str, Any]
    contents: dict[str, bytes]

    @property
    def kinds(self) -> list[str]:
        """In the order of the ticket."""
        return [document["type"] for document in self.ticket["documents"]]

    def content(self, number: int) -> bytes:
        return self.contents[self.kinds[number]]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.ticket['ticket']}"}

    async def packed(self) -> httpx.Response:
        return await self.officer.client.post("/v1/packages", headers=self.headers)

    async def streamed(self) -> tuple[int, bytes, bool]:
        """Status, every byte that arrived, and whether the answer was whole."""
        got = b""
        async with self.officer.client.stream("POST", "/v1/packages", headers=self.headers) as answer:
            try:
                async for chunk in answer.aiter_raw():
                    got += chunk
            except httpx.HTTPError:
                return answer.status_code, got, False
        return answer.status_code, got, True

    async def ticketed(self) -> Folder:
        """The same with a fresh ticket."""
        answer = await self.officer.post("/v1/tickets", json={"consent_id": self.consent})
        assert answer.status_code == 201, answer.text
        return Folder(self.officer, self.consent, answer.json(), self.contents)


async def folder(
    world: World, contents: dict[str, bytes], officer: OfficerAt | None = None, nik: str = NIK
) -> Folder:
    officer = officer or await world.officer(AGENCY)
    subject = await world.enrols(officer, nik)
    for kind, content in contents.items():
        stored = await world.stores(officer, subject, kind, content)
        assert stored.status_code in {200, 201}, stored.text
    asked = await world.asks(officer, subject, SERVICE, answers={})
    await world.allows(asked["link"])
    state = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()
    made = await Folder(officer, state["consent_id"], {}, contents).ticketed()
    assert sorted(made.kinds) == sorted(contents)
    return made


def listed(archive: bytes) -> dict[str, bytes]:
    """By its list of names, as programs open a file; raises ``zipfile.BadZipFile`` for a broken one."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def as_it_comes(archive: bytes) -> dict[str, bytes]:
    """From the front, without the list at its end, as a program reads that does not want to keep it whole."""
    found: dict[str, bytes] = {}
    at = 0
    while archive[at : at + 4] == b"PK\x03\x04":
        flags, method, name_size, extra_size = struct.unpack_from("<2xHH16xHH", archive, at + 4)
        assert (flags & 8, method) == (8, zipfile.ZIP_DEFLATED)
        begins = at + 30 + name_size + extra_size
        inflating = zlib.decompressobj(-15)
        content = inflating.decompress(archive[begins:]) + inflating.flush()
        at = len(archive) - len(inflating.unused_data)
        mark, checksum, _packed, size = struct.unpack_from("<4sIII", archive, at)
        assert (mark, checksum, size) == (b"PK\x07\x08", zlib.crc32(content), len(content))
        found[archive[begins - name_size - extra_size : begins - extra_size].decode()] = content
        at += 16
    assert archive[at : at + 4] == b"PK\x01\x02"
    return found

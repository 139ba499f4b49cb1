"""Names that would deceive a citizen are refused when they are registered (A32); that they would be shown harmless all the same is in
``tests/pages/test_markup.py``.
"""

from __future__ import annotations

import asyncio
import secrets
import string
import sys

import pytest

from auth.verdict import AccessRefused
from exchange.flows import run_clients, run_officers, run_site
from exchange.naming import LONGEST_NAME
from tests.flows.replicas import environment_of
from tests.flows.test_administration import admin
from tests.rules.house import ROOT
from tests.world import PASSWORD_HASH, SITE, World

HOSTILE_NAMES = {
    "right to left override": "Dinas \u202enamaS\u202c",
    "zero width": "Dis\u200bdukcapil",
    "soft hyphen": "Dis\u00addukcapil",
    "isolate": "\u2066Samsat\u2069",
    "Cyrillic letters": "Imigr\u0430si",
    "full width": "\uff29migrasi",
    "mathematical letters": "\U0001d408migrasi",
    "a click that looks like a stroke": "Imigrasi \u01c3",
    "stacked marks": "Po\u0301\u0301\u0301lri",
    "HTML": "<b>Polri</b>",
    "an attribute": 'Polri" onload="x',
    "a template": "{{ 7 * 7 }}",
    "two lines": "Polri\nsudah disetujui",
    "NUL": "Polri\x00",
    "10,000 characters": "P" * 10_000,
    "one too many": "P" * (LONGEST_NAME + 1),
    "nothing": "",
    "blank": "   ",
}


async def test_a_name_that_deceives_is_not_registered(world: World) -> None:
    """A32: of a site, an agency, a counter, an officer, a system: refused, on record, and nobody is there. (That it would be shown
    harmless all the same: ``test_a_registered_name_cannot_break_out``.)
    """
    for kind, name in HOSTILE_NAMES.items():
        world.parts.appender._budget.forgive("operator")  # sixty a minute are enough for anybody but a test
        for what in ("agency", "client", "officer", "counter", "site"):
            with pytest.raises(AccessRefused, match="name_unfit"):
                await _registers(world, what, name)
                pytest.fail(f"{what} with {kind}")
    # No entry of the ledger tells of sites.
    refused = [e["result"] for e in await world.entries() if not e["result"]["allowed"]]
    assert refused == [{"allowed": False, "reason": "name_unfit"}] * 4 * len(HOSTILE_NAMES)
    async with world.parts.database.reading() as reading:
        rows = [
            await reading.raw.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("agency", "client", "officer", "site")
        ]
    assert rows == [3, 0, 0, 1]


async def _registers(world: World, what: str, name: str) -> None:
    parts, agency = world.parts, f"POLRI@{SITE}"
    match what:
        case "site":
            await run_site.add_site(parts.database, site_id="6471", name=name, zone="Asia/Makassar")
        case "agency":
            await run_site.add_agency(
                parts.database,
                parts.keyring,
                parts.appender,
                code="BPJSKES",
                site_id=SITE,
                name=name,
                services=[],
            )
        case "client":
            await run_clients.add_client(
                parts.database,
                parts.keyring,
                parts.appender,
                client_id="x",
                agency_id=agency,
                name=name,
                scopes=["catalog.read"],
            )
        case _:
            counter, name = (name, "Petugas") if what == "counter" else ("Loket 1", name)
            await run_officers.add_officer(
                parts.keyring, parts.appender, username=f"u{secrets.token_hex(4)}", name=name, agency_id=agency,
                counter=counter, role="officer", password_hash=PASSWORD_HASH,
            )  # fmt: skip


async def test_names_of_people_and_offices_are_registered(world: World) -> None:
    """A32, the other side: what people and offices are called here."""
    for name in (
        "Dinas Penanaman Modal & PTSP",
        "Samsat (Polri, Bapenda Provinsi, Jasa Raharja)",
        "Kejaksaan Negeri Kutai Kartanegara",
        "I Gusti Ayu Ketut, S.H.",
        "Ma'ruf al-Bugis",
        "José Müller",
        "Loket 3/B",
    ):
        await _registers(world, "officer", name)
        await _registers(world, "counter", name)


async def test_the_command_line_refuses_such_a_name(world: World) -> None:
    """A32: one sentence with the code, exit 1, no agency."""
    environment = environment_of(world, world.parts.settings.port)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "exchange.cli", "agency", "add", "BPJSKES", SITE, HOSTILE_NAMES["right to left override"],
        env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await process.communicate()
    assert process.returncode == 1
    assert "refused: name_unfit" in told.decode()
    assert "BK-1009" in told.decode()
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM agency") == 3


async def test_an_administrator_cannot_add_one_over_http(world: World) -> None:
    """A32: control characters and what hides are turned away as malformed (BK-2001), the rest in the batch (BK-1009)."""
    boss = (await admin(world, "kepala")).at
    for kind, name in HOSTILE_NAMES.items():
        body = {"username": f"u{secrets.token_hex(4)}", "name": name, "counter": "Loket 1"}
        answer = await boss.post("/v1/officers", json=body)
        assert answer.status_code == 422, kind
        assert answer.json()["code"] in {"BK-2001", "BK-1009"}, kind
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM officer") == 1


def test_the_hostile_are_hostile() -> None:
    """Each of them holds something that a plain name does not."""
    plain = set(string.ascii_letters + string.digits + " .,'()/&+-:")
    for kind, name in HOSTILE_NAMES.items():
        assert not (set(name) <= plain and 0 < len(name.strip()) <= LONGEST_NAME), kind

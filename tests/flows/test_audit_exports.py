"""Entries leave the house as evidence: two persons, one archive that is checked without us (A63; N03, M36, M38)."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import httpx
import pytest

from exchange.deps import clock
from exchange.flows import export_evidence
from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.entry import entry_bytes
from storage.ledger.tlog_proof import read_tlog_proof
from tests.flows.family_world import nik_of, years_ago
from tests.flows.test_administration import Admin, admin, last, told
from tests.flows.test_audit import ASSIGNMENT, NOBODYS, auditor, citizen_of, found
from tests.flows.test_family_papers import FATHER, WIFE, Home, home
from tests.world import NAME, NIK, PHONE, World

__all__ = ["auditor", "home"]

EXPORTS = "/v1/audit/exports"


def wanted(**more: Any) -> dict[str, Any]:
    now = clock()
    period = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
    return {"assignment": ASSIGNMENT, **period, **more}


async def asked(at: Admin, **more: Any) -> str:
    answer = await at.at.post(EXPORTS, json=wanted(**more))
    assert answer.status_code == 201, answer.text
    return f"{EXPORTS}/{answer.json()['id']}"


async def taken(by: Admin, approver: Admin, **more: Any) -> zipfile.ZipFile:
    path = await asked(by, **more)
    assert (await approver.at.post(f"{path}/approval")).json()["state"] == "approved"
    answer = await by.at.get(f"{path}/archive")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return zipfile.ZipFile(io.BytesIO(answer.content))


def proven(archive: zipfile.ZipFile) -> dict[int, bytes]:
    """Index -> ``extra`` of each entry, after its proof was checked against the archive's one checkpoint; opened or not."""
    verifiers = [NoteVerifier(line) for line in archive.read("log-vkeys").decode().split()]
    checkpoint = archive.read("checkpoint").decode()
    entries = {}
    for name in archive.namelist():
        if not name.startswith("entries/"):
            continue
        proof = read_tlog_proof(archive.read(name).decode())
        entry = proof.extra if len(proof.extra) == 33 else entry_bytes(proof.extra[:32], proof.extra[32:])
        proof.open(entry, verifiers)
        assert proof.note == checkpoint
        assert name == f"entries/{proof.index}.tlog-proof"
        entries[proof.index] = proof.extra
    return entries


async def second(world: World) -> Admin:
    return await admin(world, "auditor.dua", "auditor", "IMIGRASI")


async def test_one_citizens_whole_list(world: World, auditor: Admin) -> None:
    """Every entry of the citizen up to the request, each with its proof; the list beside it says the same, for a spreadsheet. Each step
    stands on the citizen's trail.
    """
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    await world.fetches(officer, ticket)
    await world.outcomes()
    ref = await citizen_of(auditor.at)
    before = await world.size()
    archive = await taken(auditor, await second(world), citizen=ref)
    entries = {index: json.loads(extra[32:]) for index, extra in proven(archive).items()}
    all_of_them = await world.entries()
    name_in_log = next(entry["subject"] for entry in all_of_them if entry["type"] == "release")
    own = {
        index: entry for index, entry in enumerate(all_of_them[:before]) if entry["subject"] == name_in_log
    }
    assert entries == own
    assert sorted(entry["subject_seq"] for entry in entries.values()) == list(range(1, len(own) + 1))
    rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode())))
    assert [int(row["index"]) for row in rows] == sorted(own)
    assert {row["citizen"] for row in rows} == {ref}
    assert {"README", "jwks-archive.json", "log-vkeys", "checkpoint"} < set(archive.namelist())
    readme = archive.read("README").decode()
    assert ASSIGNMENT in readme
    assert "$" not in readme.replace("$(", "")
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for secret in (NIK, NAME, PHONE):
        assert secret not in everything
    steps = [
        entry["act"]
        for entry in await world.entries(since=before)
        if entry["type"] == "audit" and entry["subject"] == name_in_log
    ]
    assert steps == ["ask_export", "approve_export", "export"]


async def test_an_agencys_evidence_stays_closed(world: World) -> None:
    """D10: an opened entry holds the citizen's name in the log, the same for every agency. The agency's supervisors get the 33 bytes with their
    proof, and the list; no other agency's acts.
    """
    officer, police = await world.officer(), await world.officer("POLRI")
    await world.stores(officer, await world.enrols(officer))
    await world.stores(police, await world.enrols(police))
    one, two = await admin(world, "pengawas", "supervisor"), await admin(world, "pelindung", "dpo")
    archive = await taken(one, two, type="intake")
    entries = proven(archive)
    assert [len(extra) for extra in entries.values()] == [33]
    (row,) = csv.DictReader(io.StringIO(archive.read("index.csv").decode()))
    assert (row["agency"], row["type"], row["document_types"]) == ("DPMPTSP@6472", "intake", "KTP")
    assert row["citizen"] == await world.enrols(officer)
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "pw:" not in everything
    assert "subject_seq" not in everything


async def test_two_persons(world: World, auditor: Admin) -> None:
    """Who asked approves nothing and takes nothing before; the approver takes nothing; who lost the role meanwhile does not get it."""
    other = await second(world)
    path = await asked(auditor)
    assert told(await auditor.at.get(f"{path}/archive")) == (409, "BK-2142")
    assert told(await auditor.at.post(f"{path}/approval")) == (403, "BK-1018")
    assert (await last(world))["result"]["reason"] == "second_person_needed"
    assert (await other.at.post(f"{path}/approval")).status_code == 200
    assert told(await other.at.get(f"{path}/archive")) == (404, "BK-2141")
    assert told(await other.at.post(f"{path}/approval")) == (409, "BK-2142")
    assert (await auditor.at.get(f"{path}/archive")).status_code == 200
    back = await asked(auditor)
    assert (await auditor.at.post(f"{back}/rejection")).json()["state"] == "rejected"
    assert told(await other.at.post(f"{back}/approval")) == (409, "BK-2142")
    gone = await asked(auditor)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE officer SET role = 'operator' WHERE username = 'auditor'")
    assert told(await other.at.post(f"{gone}/approval")) == (403, "BK-1017")
    assert told(await auditor.at.get(f"{path}/archive")) == (403, "BK-1017")
    states = [row["state"] for row in (await other.at.get(EXPORTS)).json()["exports"]]
    assert states == ["open", "rejected", "approved"]


async def test_it_does_not_wait_for_ever(world: World, auditor: Admin) -> None:
    other = await second(world)
    late, old = await asked(auditor), await asked(auditor)
    assert (await other.at.post(f"{late}/approval")).status_code == 200
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE audit_export SET requested_at = requested_at - interval '25 hours', "
            "decided_at = decided_at - interval '25 hours'"
        )
    assert told(await auditor.at.get(f"{late}/archive")) == (409, "BK-2142")
    assert told(await other.at.post(f"{old}/approval")) == (409, "BK-2142")


async def test_another_agencys_request_is_not_there(world: World, auditor: Admin) -> None:
    """Read the same as one that does not exist, and not listed."""
    everybodys, theirs = await asked(auditor), await asked(auditor, agency="POLRI@6472")
    dpo = await admin(world, "pelindung", "dpo")
    for path in (everybodys, theirs, f"{EXPORTS}/ax_{NOBODYS}"):
        answers: list[httpx.Response] = [
            await dpo.at.post(f"{path}/approval"),
            await dpo.at.post(f"{path}/rejection"),
            await dpo.at.get(f"{path}/archive"),
        ]
        assert [told(answer) for answer in answers] == [(404, "BK-2141")] * 3
        assert (await last(world))["result"]["reason"] == "export_unknown"
    assert (await dpo.at.get(EXPORTS)).json() == {"exports": []}
    refused = await dpo.at.post(EXPORTS, json=wanted(agency="POLRI@6472"))
    assert told(refused) == (403, "BK-1017")


async def test_a_period_that_is_too_large(
    world: World, auditor: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_evidence, "MOST", 3)
    officer = await world.officer()
    await world.enrols(officer)
    assert told(await auditor.at.post(EXPORTS, json=wanted())) == (409, "BK-2143")
    entry = await last(world)
    assert (entry["act"], entry["result"]["reason"]) == ("ask_export", "period_too_large")
    ref = await citizen_of(auditor.at)
    assert (await auditor.at.post(EXPORTS, json=wanted(citizen=ref))).status_code == 201


async def test_persons_of_one_paper_stay_apart(home: Home, auditor: Admin) -> None:
    """N06, T13: who is named on a family card has entries of their own. An auditor who looks at one person's list, or takes it along, is not
    led to the others: no reference, no consent, no ticket, no document of theirs.
    """
    world, ticket = home.world, await home.consented()
    await world.fetches(home.officer, ticket)
    await world.outcomes()
    wife = await citizen_of(auditor.at, nik_of(years_ago(44), 22))
    father = await citizen_of(auditor.at, nik_of(years_ago(46), 21))
    assert (wife, father) == (home.people[WIFE], home.people[FATHER])
    theirs = await found(auditor.at, citizen=wife)
    read = [entry for entry in theirs["entries"] if entry.get("names_you")]
    assert {"release", "ticket"} <= {entry["type"] for entry in read}
    assert {entry["subject_ref"] for entry in theirs["entries"]} == {wife}
    for entry in read:
        assert not {"consent", "ticket", "doc", "docs"} & set(entry)
    archive = await taken(auditor, await second(world), citizen=wife)
    everything = str(theirs) + b"".join(archive.read(name) for name in archive.namelist()).decode()
    opened = str([json.loads(extra[32:]) for extra in proven(archive).values()])
    for lead in (father, ticket["consent"], home.card, ticket["documents"][0]["document_id"]):
        assert lead not in everything + opened
    own = await found(auditor.at, citizen=father)
    assert wife not in str(own)
    assert ticket["consent"] in str(own)

"""The proof of a consent, to take along: every revision with its entry; opened for the citizen, sealed for everybody else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from auth.scopes import SCOPES
from tests.backend import Backend
from tests.flows.copying import claims_of, problem_of
from tests.flows.family_world import asks_for, birth_certificate, decided_by, person, years_ago
from tests.flows.proving import claims_under, event_of, proven, shell, signed_now, unpacked
from tests.flows.test_legal_bases import _ground, _relies
from tests.flows.test_rights import phone_of
from tests.world import NIK, World

RECORD, RECORD_RECEIPT = "berkas-consent+jwt", "berkas-record-receipt+jwt"
NOBODYS = "c_01JD0000000000000000000000"


def _address(consent: str) -> str:
    return f"/v1/consents/{consent}/bundle"


async def test_both_hands(world: World, tmp_path: Path) -> None:
    """A grant and its withdrawal. The citizen's entries are opened and name the records' SHA-256; the agency's stay sealed, for they tell
    what was not on file, and a receipt ties each record to its entry. Seen failing: the entry of a withdrawal named no revision.
    """
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    phone = await phone_of(world)
    withdrawn = await officer.post(f"/v1/consents/{consent}/withdrawal")
    assert withdrawn.status_code == 200
    await signed_now(world)
    before = await world.size()
    theirs = unpacked(await officer.get(_address(consent)), tmp_path / "agency")
    own = unpacked(await phone.reads(f"/receipts/{consent}.zip", at=""), tmp_path / "citizen")
    assert await world.size() == before
    grant, withdrawal = [e for e in await world.entries() if e["type"] in {"grant", "withdraw"}]
    for number, event in ((1, grant), (2, withdrawal)):
        name = f"record-{number}"
        for files in (theirs, own):
            claims = claims_under(files, f"{name}.jws", RECORD)
            assert (claims["record_id"], claims["revision"]) == (consent, number)
            digest = hashlib.sha256(files[f"{name}.jws"]).hexdigest()
            receipt = claims_under(files, f"{name}.receipt.jws", RECORD_RECEIPT)
            assert receipt["record"] == {"id": consent, "revision": number, "sha256": digest}
            index, leaf, _ = proven(files, f"{name}.tlog-proof")
            assert (receipt["log"]["index"], receipt["log"]["leaf_sha256"]) == (index, leaf.hex())
            assert files["README"].decode().count(consent) == 2
        assert event_of(own, f"{name}.event.json") == event
        assert event["consent_sha256"] == digest
        committed = shell(
            tmp_path / "citizen",
            rf"(printf 'berkas-log-v1\0'; cat {name}.salt {name}.event.json) | sha256sum",
        )
        assert committed == own[f"{name}.entry"][1:].hex()
        assert proven(theirs, f"{name}.tlog-proof")[2] == theirs[f"{name}.entry"]
    first = hashlib.sha256(theirs["record-1.jws"]).hexdigest()
    assert claims_of(theirs["record-2.jws"].decode())["prev_revision_sha256"] == first
    assert "absent" in grant  # what was asked for and is not on file: the agency must not learn which
    everything = b"".join(theirs.values())
    assert b"absent" not in everything
    assert grant["subject"].encode() not in everything


async def test_one_404_for_everybody_else(world: World) -> None:
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    await signed_now(world)
    theirs = await world.officer("POLRI")
    machine = await Backend(world, "polri-skck").registered("POLRI@6472", scopes=list(SCOPES))
    before = await world.size()
    answers = [
        await theirs.get(_address(consent)),
        await machine.calls("GET", _address(consent)),
        await officer.get(_address(NOBODYS)),
    ]
    assert {problem_of(answer) for answer in answers} == {(404, "BK-4004")}
    entries = (await world.entries())[before:]
    assert [(e["type"], e["act"], e["result"]["reason"]) for e in entries] == [
        *[("request", "proof", "consent_of_another_agency")] * 2,
        ("request", "proof", "consent_unknown"),
    ]
    assert (await officer.get(_address("c_1"))).status_code == 422
    assert (await world.client.get(_address(consent))).status_code == 401
    own = await Backend(world).registered(scopes=list(SCOPES))
    assert (await own.calls("GET", _address(consent))).status_code == 200


async def test_where_the_law_decided(world: World, tmp_path: Path) -> None:
    """M20: nobody was asked, and that is on record too."""
    officer = await world.officer()
    subject = await world.enrols(officer, NIK)
    await world.stores(officer, subject)
    await _ground(world)
    relied = (await _relies(officer, subject)).json()
    await signed_now(world)
    files = unpacked(await officer.get(_address(relied["consent_id"])), tmp_path)
    assert claims_under(files, "record-1.jws", RECORD)["event"]["type"] == "notified"
    assert proven(files, "record-1.tlog-proof")[2] == files["record-1.entry"]
    assert "record-2.jws" not in files


async def test_who_decided_for_another_does_not_open_the_childs_entry(world: World, tmp_path: Path) -> None:
    """M19: the mother takes the record along; how often the child's papers were asked for is not hers to count."""
    officer = await world.officer("IMIGRASI")
    mother = await person(world, officer, "Sari Contoh", years_ago(34), 11)
    child = await person(world, officer, "Bayu Percobaan", years_ago(10), 12, phone=False)
    certificate = await birth_certificate(world, officer, child, mother)
    asked = await asks_for(officer, child, decided_by(mother, "parent", certificate))
    assert (await world.allows(asked.json()["link"])).status_code == 200
    consent = (await officer.get(f"/v1/consent-requests/{asked.json()['id']}")).json()["consent_id"]
    phone = await phone_of(world, "+6281200009911")
    await signed_now(world)
    files = unpacked(await phone.reads(f"/receipts/{consent}.zip", at=""), tmp_path)
    assert claims_under(files, "record-1.jws", RECORD)["record_id"] == consent
    assert proven(files, "record-1.tlog-proof")[2] == files["record-1.entry"]
    assert "record-1.event.json" not in files

"""A granted erasure destroys what opens the papers: on every replica at once, whatever is put back into a row (L25, L26, L27, A58)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from auth.rights import judge_erasure
from exchange import erasing
from exchange.deps import clock
from exchange.flows import answer_case
from exchange.flows.tidy_up import Collector
from exchange.pages.wording import day_words, local
from exchange.settings import Settings
from storage.documents import VERSIONS, DocumentVersion, version_row
from storage.errors import KeyMissing
from storage.ledger.verify import verify
from storage.shelf import SHARDS
from tests.files import noted
from tests.flows.campaign import citizens
from tests.flows.replicas import Replica, as_officer, two_replicas
from tests.flows.test_administration import signed_in, told
from tests.flows.test_rights import Given, cases, phone_of, settles
from tests.tampering import fsck
from tests.world import JPEG, PHONE, World


@pytest.fixture
async def given(world: World) -> Given:
    officer = await world.officer()
    dpo = await signed_in(world, "pelindung", "dpo")
    consent, ticket = await world.consented(officer)
    return Given(world, officer, dpo, consent, ticket, await phone_of(world))


@pytest.fixture
async def replicas(world: World, tmp_path: Path) -> AsyncIterator[list[Replica]]:
    async with two_replicas(world, tmp_path / "replicas") as started:
        yield started


async def rows(world: World) -> dict[str, DocumentVersion]:
    async with world.parts.database.reading() as reading:
        ids = [row["id"] for row in await reading.raw.fetch("SELECT id FROM document_version")]
        return {row.type: row for row in await VERSIONS.load(reading.raw, "id", ids)}


async def new_ticket(given: Given) -> dict[str, Any]:
    answer = await given.officer.post("/v1/tickets", json={"consent_id": given.consent})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def erased(given: Given, target: str, outcome: str = "done") -> httpx.Response:
    """The citizen asks for it, the data officer answers."""
    assert (await given.phone.asks("erasure", target, "no_longer_needed")).status_code == 200
    (case,) = await cases(given.dpo)
    return await settles(given.dpo, case["id"], outcome)


async def test_what_is_erased_is_refused_on_both_replicas_at_once(
    given: Given, replicas: list[Replica]
) -> None:
    """L25: each has the paper's key in memory and would open it; the batch judges, not the memory."""
    headers = as_officer(given.officer)

    async def fetches(replica: Replica, ticket: dict[str, Any]) -> httpx.Response:
        address = ticket["documents"][0]["content_url"]
        return await replica.get(
            httpx.URL(address).path, {**headers, "Authorization": f"Bearer {ticket['ticket']}"}
        )

    for replica in replicas:
        answer = await fetches(replica, await new_ticket(given))
        assert (answer.status_code, answer.content) == (200, JPEG)
    waiting = [await new_ticket(given) for _ in range(3)]
    document = waiting[0]["documents"][0]["document_id"]
    assert (await erased(given, f"document:{document}")).status_code == 200
    for replica, ticket in zip(replicas, waiting, strict=False):
        assert told(await fetches(replica, ticket)) == (410, "BK-3041")
    assert told(await given.world.fetches(given.officer, waiting[2])) == (410, "BK-3041")
    refused = [
        entry for entry in await given.world.entries() if entry["result"].get("reason") == "version_erased"
    ]
    assert [entry["type"] for entry in refused] == ["release"] * 3


async def test_the_day_on_which_it_is_complete_is_told(given: Given) -> None:
    """L25, L27: in the answer, in the message, on the citizen's page, and in the entry: now and the backups' 35 days."""
    world, document = given.world, given.ticket["documents"][0]["document_id"]
    subject = (await rows(world))["KTP"].subject_ref
    before, old = (await rows(world))["KTP"], await world.parts.keyring.document_key(subject)
    answered = (await erased(given, f"document:{document}")).json()
    moment = datetime.fromisoformat(answered["effective_at"])
    took = moment - datetime.fromisoformat(answered["answered_at"])
    assert abs(took - timedelta(days=35)) < timedelta(seconds=10)
    day = day_words(local(moment, "Asia/Makassar").date())
    assert f"Penghapusan tuntas pada {day}." in (await world.inbox("notice"))[-1]["text"]
    page = await given.phone.reads(f"?kasus={answered['id']}")
    assert f"Penghapusan tuntas pada {day}" in page.text
    assert "tidak dapat dibuka lagi" in page.text
    entry = next(entry for entry in reversed(await world.entries()) if entry["type"] == "rights")
    assert (entry["erased"], entry["effective_at"]) == ([f"{document}/1"], answered["effective_at"])
    kept = (await rows(world))["KTP"]
    assert (kept.state, kept.wrapped_key, kept.number) == ("erased", b"", None)
    assert (kept.sha256, kept.size) == (
        before.sha256,
        before.size,
    )  # the tombstone: receipts and counters stay whole
    key_id, key = await world.parts.keyring.document_key(subject)
    assert key_id == f"{subject}/2"
    assert key != old[1]
    with pytest.raises(KeyMissing):
        await world.parts.vault.data_key(kept)


async def test_what_stays_can_still_be_read_and_new_papers_come_in(given: Given) -> None:
    world = given.world
    subject = await world.enrols(given.officer)
    stored = await world.stores(given.officer, subject, "PASFOTO", noted(JPEG, b"photo"), background="red")
    assert (await erased(given, f"document:{stored.json()['document_id']}")).status_code == 200
    assert (await world.fetches(given.officer, await new_ticket(given))).content == JPEG
    again = await world.stores(given.officer, subject, "PASFOTO", noted(JPEG, b"photo"), background="red")
    assert (again.status_code, again.json()["version"]) == (201, 2)


async def test_everything_goes_and_the_citizen_can_come_back(given: Given) -> None:
    """L25: no key of before opens anything; what comes later has keys of its own."""
    world = given.world
    subject = await world.enrols(given.officer)
    await world.stores(given.officer, subject, "PASFOTO", noted(JPEG, b"photo"), background="red")
    assert (await erased(given, "everything")).status_code == 200
    assert {row.state for row in (await rows(world)).values()} == {"erased"}
    assert told(await world.fetches(given.officer, given.ticket)) == (410, "BK-3041")
    assert (await world.stores(given.officer, subject, "KTP", JPEG)).status_code == 201
    assert (await world.fetches(given.officer, await new_ticket(given))).content == JPEG


async def test_an_old_wrapped_key_put_back_opens_nothing(given: Given) -> None:
    """Data at rest: who writes the database puts the row back as it was, state and all; no byte leaves. Wrong version: the data key
    that was opened for the last delivery is used for a minute more."""
    world, document = given.world, given.ticket["documents"][0]["document_id"]
    before = (await rows(world))["KTP"]
    await world.parts.vault.find(document, 1)
    assert (await erased(given, f"document:{document}")).status_code == 200
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(VERSIONS.upsert(1), *VERSIONS.arrays([before]))
    answer = await world.fetches(given.officer, given.ticket)
    assert answer.status_code >= 400
    assert JPEG not in answer.content
    # Only the state put back: nothing is there to open.
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            VERSIONS.upsert(1), *VERSIONS.arrays([replace(before, wrapped_key=b"")])
        )
    assert told(await world.fetches(given.officer, given.ticket)) == (404, "BK-4004")


async def test_what_the_law_wants_kept_is_not_erased(given: Given) -> None:
    """L26: refused with its reason, on record, nothing changed; the case stays open and goes through once the order is lifted."""
    world, document = given.world, given.ticket["documents"][0]["document_id"]
    address = f"/v1/documents/{document}/legal-hold"
    held = await given.dpo.put(address, json={"order": "W2-U1/12/Pid/2026"})
    assert (held.status_code, held.json()["versions"]) == (200, [f"{document}/1"])
    before = await rows(world)
    assert told(await erased(given, "everything")) == (409, "BK-3043")
    assert await rows(world) == before
    entry = next(entry for entry in reversed(await world.entries()) if entry["type"] == "rights")
    assert (entry["result"]["reason"], "erased" in entry) == ("legal_hold", False)
    assert (await world.fetches(given.officer, given.ticket)).content == JPEG
    assert (await given.dpo.delete(address)).status_code == 200
    (case,) = await cases(given.dpo)
    assert (await settles(given.dpo, case["id"], "done")).status_code == 200


async def test_one_order_at_a_time_by_who_answers_for_the_store(given: Given) -> None:
    """L26: a second order does not take the first one's place, and no other agency's data officer says what is kept; each try is on
    record, in the citizen's list too.
    """
    world, document = given.world, given.ticket["documents"][0]["document_id"]
    address, order = f"/v1/documents/{document}/legal-hold", {"order": "W2-U1/12/Pid/2026"}
    other = await signed_in(world, "orang lain", "dpo", agency="POLRI")
    assert told(await given.dpo.delete(address)) == (404, "BK-3045")
    assert told(await other.put(address, json=order)) == (404, "BK-4004")
    assert (await rows(world))["KTP"].legal_hold == ""
    assert (await given.dpo.put(address, json=order)).status_code == 200
    assert told(await given.dpo.put(address, json={"order": "B-7/2026"})) == (409, "BK-3044")
    assert told(await other.delete(address)) == (404, "BK-4004")
    assert (await rows(world))["KTP"].legal_hold == order["order"]
    entries = [entry for entry in await world.entries() if entry["type"] == "hold"]
    assert [(entry["act"], entry["result"].get("reason")) for entry in entries] == [
        ("lifted", "hold_missing"),
        ("placed", "version_unknown"),
        ("placed", None),
        ("placed", "hold_there"),
        ("lifted", "version_unknown"),
    ]
    assert "wajib disimpan atas perintah hukum" in (await given.phone.reads(at="")).text


@pytest.mark.parametrize("order", ["7306 0145 0790 0001", "7306014507900001", "ab", "<b>", "a\nb", "x" * 81])
async def test_an_order_is_a_letter_s_number(given: Given, order: str) -> None:
    document = given.ticket["documents"][0]["document_id"]
    answer = await given.dpo.put(f"/v1/documents/{document}/legal-hold", json={"order": order})
    assert answer.status_code == 422
    assert (await rows(given.world))["KTP"].legal_hold == ""


def test_the_judge_of_holds() -> None:
    assert judge_erasure([]).allowed
    assert judge_erasure(["d_1/1"]).reason == "legal_hold"


async def test_a_paper_that_arrives_meanwhile_is_no_gap(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys were prepared, then another copy came in: prepared anew, so that nothing is left under a key that is gone."""
    world, document = given.world, given.ticket["documents"][0]["document_id"]
    subject, real, times = await world.enrols(given.officer), erasing.prepared, 0

    async def slow(*arguments: Any) -> erasing.Erasure:
        nonlocal times
        made = await real(*arguments)
        times += 1
        if times == 1:
            assert (
                await world.stores(given.officer, subject, "KTP", noted(JPEG, b"newer"))
            ).status_code == 201
            stored = await world.stores(
                given.officer, subject, "PASFOTO", noted(JPEG, b"photo"), background="red"
            )
            assert stored.status_code == 201
        return made

    monkeypatch.setattr(answer_case, "prepared", slow)
    assert (await erased(given, f"document:{document}")).status_code == 200
    assert times == 2
    async with world.parts.database.reading() as reading:
        states = await reading.raw.fetch("SELECT type, version, state FROM document_version ORDER BY 1, 2")
    assert [tuple(row) for row in states] == [
        ("KTP", 1, "erased"),
        ("KTP", 2, "erased"),
        ("PASFOTO", 1, "ready"),
    ]
    photo = (await rows(world))["PASFOTO"]
    assert await world.parts.vault.data_key(photo)
    reasons = [entry["result"].get("reason") for entry in await world.entries() if entry["type"] == "rights"]
    assert reasons[-2:] == ["keys_changed", None]


async def test_an_intake_beside_an_erasure_is_readable_or_erased(given: Given) -> None:
    """Both at once, ten times: whatever the order was, no paper is ready under a key that is gone."""
    world = given.world
    subject = await world.enrols(given.officer)
    for number in range(10):
        assert (await given.phone.asks("erasure", "everything", "other")).status_code == 200
        (case,) = await cases(given.dpo)
        stored, answered = await asyncio.gather(
            world.stores(given.officer, subject, "KTP", noted(JPEG, bytes([number]))),
            settles(given.dpo, case["id"], "done"),
        )
        assert (stored.status_code, answered.status_code) == (201, 200)
        world.parts.keyring._cache.clear()
        taken = stored.json()
        async with world.parts.database.reading() as reading:
            row = await version_row(reading, taken["document_id"], taken["version"])
        assert row is not None
        if row.state == "ready":
            assert await world.parts.vault.data_key(row)
        else:
            assert (row.state, row.wrapped_key) == ("erased", b"")


async def test_what_nobody_can_open_is_collected(given: Given) -> None:
    """The object of an erased version goes in its shard's turn; that of another citizen, and the erased row's digest, stay."""
    world, parts = given.world, given.world.parts
    other = await world.enrols(given.officer, *next(citizens()))
    await world.stores(given.officer, other)
    assert (await erased(given, "everything")).status_code == 200
    async with parts.database.reading() as reading:
        found = await reading.raw.fetch("SELECT state, object_key FROM document_version")
    assert sorted(row["state"] for row in found) == ["erased", "ready"]
    collector = Collector(parts.database, parts.vault)
    assert sum([await collector.collect(shard, clock()) for shard in SHARDS]) == 1
    assert await parts.vault._blobs.list() == [row["object_key"] for row in found if row["state"] == "ready"]
    assert (await fsck(world, deep=True)).clean


async def test_the_log_stays_whole(given: Given) -> None:
    """A58: the entries and their proofs are what they were; who was there can still be told."""
    world = given.world
    assert (await erased(given, "everything")).status_code == 200
    parts = world.parts
    vkeys = [str((await world.client.get("/log/vkey")).text).strip()]
    findings = await verify(parts.database, vkeys=vkeys, keyring=parts.keyring)
    assert findings.problems == []
    page = await given.phone.reads(at="")
    assert page.status_code == 200
    assert PHONE not in page.text


async def test_only_the_data_officer_destroys(given: Given) -> None:
    """The same answer of an officer without that role, and of another agency's data officer: refused, nothing prepared is used."""
    world = given.world
    assert (await given.phone.asks("erasure", "everything", "other")).status_code == 200
    (case,) = await cases(given.dpo)
    before = await rows(world)
    other = await signed_in(world, "pelindung.polri", "dpo", "POLRI")
    assert told(await settles(given.officer, case["id"], "done")) == (403, "BK-1017")
    assert (await settles(other, case["id"], "done")).status_code == 404
    assert await rows(world) == before


@pytest.mark.parametrize("days", [-1, 36, 400])
def test_backups_are_kept_for_35_days_at_most(days: int) -> None:
    """Longer, and the notice of an erasure would promise what is not true (protocols.md 8)."""
    with pytest.raises(ValidationError, match="backup_retention_days"):
        Settings(backup_retention_days=days)
    assert Settings(backup_retention_days=0).backup_retention_days == 0

"""A paper filed under the wrong person is voided by two officers, and whoever received it is told (L15, L22, L28, M28)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exchange.deps import clock
from exchange.flows.tidy_up import Collector
from exchange.quarantine import let_out, put_aside
from storage.documents import VERSIONS
from storage.shelf import SHARDS
from tests.files import noted
from tests.flows.assisting import in_one_batch
from tests.flows.test_administration import signed_in, told
from tests.flows.test_rights import cases, phone_of, settles
from tests.flows.test_withdrawal_clock import answers, owed
from tests.flows.voiding import (
    NOBODYS,
    OWNERS_PHONE,
    WRONG_PERSON,
    Folder,
    folder,
    received_by,
    step,
    to_destroy,
)
from tests.invariants import check_invariants
from tests.tampering import Bucket, fsck
from tests.world import JPEG, OTHER_NIK, PDF, PHONE, World


@pytest.fixture
async def filed(world: World) -> Folder:
    return await folder(world)


async def test_a_paper_of_another_is_voided_and_all_are_told(filed: Folder) -> None:
    """Served to nobody from the report on; one item destroys, tells the citizen and the owner, and starts the recipients' clocks."""
    world = filed.world
    assert (await world.fetches(filed.first, filed.ticket)).status_code == 200
    await world.outcomes()
    police = await received_by(world, "POLRI", "POLRI.SKCK_BARU")
    fresh = (await filed.new_ticket()).json()
    assert await filed.readiness() == "valid"
    report = await filed.reported(reason="wrong_person", belongs_to=filed.owner)
    assert told(await world.fetches(filed.first, fresh)) == (409, "BK-2119")
    assert (await world.entries())[-1]["result"]["reason"] == "version_disputed"
    assert told(await filed.new_ticket()) == (404, "BK-4004")
    assert await filed.readiness() == "missing"
    assert told(await step(filed.first, report)) == (403, "BK-2095")
    assert await filed.states() == ["disputed"]
    done = await step(filed.second, report)
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["belongs_to"]) == ("confirmed", filed.owner)
    row = await filed.row()
    assert (row.state, row.wrapped_key) == ("voided", b"")
    assert told(await world.fetches(filed.first, fresh)) == (410, "BK-2121")
    for officer in (filed.first, police):
        (clock_of,) = [one for one in await owed(officer) if one["kind"] == "voided"]
        assert (clock_of["document_id"], clock_of["version"]) == (filed.document, 1)
        assert clock_of["document_types"] == ["KTP"]
        received, deadline = (datetime.fromisoformat(clock_of[name]) for name in ("received_at", "deadline"))
        assert deadline - received == timedelta(hours=72)
    entries = [entry for entry in await world.entries() if "void" in entry.get("act", "")]
    assert [(entry["act"], entry["result"].get("reason")) for entry in entries] == [
        ("void_reported", None),
        ("voided", "second_officer_needed"),
        ("voided", None),
    ]
    inside = world.parts.keyring.meant(filed.first.agency, filed.owner)
    assert not any(filed.owner in str(entry) or inside in str(entry) for entry in entries)
    letters = {m["to"]: m["text"] for m in await world.inbox("notice")}
    assert "membatalkan KTP-el pada data Anda karena bukan milik Anda" in letters[PHONE]
    assert "KTP-el Anda keliru disimpan pada data orang lain oleh DPMPTSP" in letters[OWNERS_PHONE]
    for text in (letters[PHONE], letters[OWNERS_PHONE]):
        assert "DPMPTSP dan POLRI" in text
    own = await (await phone_of(world)).reads(at="")
    assert "membatalkan dokumen yang salah simpan" in own.text
    assert "Dokumen salah simpan dibatalkan, persetujuan PST-" in own.text
    await check_invariants(world)


async def test_the_owner_reads_who_received_it_and_not_under_whom(filed: Folder) -> None:
    """The owner's entry leads to nobody: no document, no report, no consent."""
    world = filed.world
    await world.fetches(filed.first, filed.ticket)
    await filed.voided(reason="wrong_person", belongs_to=filed.owner)
    page = await (await phone_of(world, OWNERS_PHONE)).reads(at="")
    assert "membatalkan dokumen Anda yang keliru disimpan pada data orang lain" in page.text
    assert "Diterima oleh DPMPTSP" in page.text
    (entry,) = [entry for entry in await world.entries() if entry.get("act") == "misfiled"]
    assert entry["received_by"] == [filed.first.agency]
    assert not {"doc", "consent", "consents", "report", "reason"} & set(entry)


async def test_whom_the_paper_names_reads_that_it_was_voided(filed: Folder) -> None:
    """N06: a KK in the wrong folder; nothing in the entry leads to the others."""
    world = filed.world
    stored = (await world.stores(filed.first, filed.subject, "KK", PDF)).json()["document_id"]
    body = {"subject_ref": filed.owner, "role": "member"}
    assert (await filed.first.post(f"/v1/documents/{stored}/subjects", json=body)).status_code == 201
    report = await filed.reported(document=stored)
    assert (await step(filed.second, report)).status_code == 200
    asked = {
        "kind": "copy",
        "reason": "other",
        "about": "everything",
    }  # a notice with the way to the own list
    await filed.first.post(f"/v1/subjects/{filed.owner}/rights-requests", json=asked)
    own, theirs = [entry for entry in await world.entries() if entry.get("act") == "voided"]
    assert own["doc"]["id"] == stored
    assert theirs["names_you"]
    assert not {"doc", "consents", "report", "reason", "received_by"} & set(theirs)
    page = await (await phone_of(world, OWNERS_PHONE)).reads(at="")
    assert "membatalkan dokumen yang salah simpan" in page.text
    assert "Dokumen orang lain yang memuat nama Anda." in page.text
    await check_invariants(world)


async def test_the_recipient_answers(filed: Folder) -> None:
    """L22: as after a withdrawal; once."""
    world = filed.world
    await world.fetches(filed.first, filed.ticket)
    await filed.voided()
    (row,) = await owed(filed.first)
    assert (await answers(filed.first, row["id"], "deleted")).status_code == 200
    assert told(await answers(filed.first, row["id"], "deleted")) == (409, "BK-2082")
    text = (await world.inbox("notice"))[-1]["text"]
    assert "menjawab pembatalan dokumen pada persetujuan PST-" in text
    assert "salinan dokumen itu sudah dihapus" in text


async def test_who_received_another_version_is_not_asked(filed: Folder) -> None:
    """By version: the older copy was fetched, the newer one is voided. It does not bring the older one back."""
    world = filed.world
    await world.fetches(filed.first, filed.ticket)
    newer = noted(JPEG, b"another person")
    assert (await world.stores(filed.first, filed.subject, content=newer)).json()["version"] == 2
    police = await received_by(world, "POLRI", "POLRI.SKCK_BARU", newer)
    asked = await world.asks(police, await world.enrols(police), "POLRI.SKCK_PERPANJANG", answers={})
    await world.allows(asked["link"])  # a consent under which nothing was fetched
    await filed.voided(version=2)
    assert await to_destroy(filed.first) == []
    assert await to_destroy(police) == [(filed.document, 2)]
    assert await filed.states() == ["superseded", "voided"]
    assert told(await filed.new_ticket()) == (404, "BK-4004")
    assert await filed.readiness() == "missing"
    await check_invariants(world)


async def test_the_bytes_come_in_again(filed: Folder) -> None:
    """For the right citizen, and for the same one as a new version: nothing is taken for what is gone."""
    world = filed.world
    await filed.voided()
    stored = await world.stores(filed.first, filed.owner)
    assert stored.status_code == 201
    again = await world.stores(filed.first, filed.subject)
    assert (again.status_code, again.json()["version"]) == (201, 2)
    _, ticket = await world.consented(filed.first, OTHER_NIK)
    assert (await world.fetches(filed.first, ticket)).content == JPEG
    assert (await world.fetches(filed.first, (await filed.new_ticket()).json())).content == JPEG
    await check_invariants(world)


async def test_an_old_wrapped_key_put_back_opens_nothing(filed: Folder) -> None:
    """Data at rest: the row as it was before, put back by who writes the database. Wrong version: the data key that was opened for
    the last delivery is used for a minute more."""
    world = filed.world
    before = await filed.row()
    await world.parts.vault.find(filed.document, 1)
    fresh = (await filed.new_ticket()).json()
    await filed.voided()
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(VERSIONS.upsert(1), *VERSIONS.arrays([before]))
    answer = await world.fetches(filed.first, fresh)
    assert answer.status_code >= 400
    assert JPEG not in answer.content


async def test_other_papers_of_the_citizen_stay_readable_and_the_object_is_collected(filed: Folder) -> None:
    world, parts = filed.world, filed.world.parts
    photo = noted(JPEG, b"photo")
    stored = await world.stores(filed.first, filed.subject, "PASFOTO", photo, background="red")
    await filed.voided()
    collector = Collector(parts.database, parts.vault)
    assert sum([await collector.collect(shard, clock()) for shard in SHARDS]) == 1
    assert len(await parts.vault._blobs.list()) == 1
    assert (await fsck(world, deep=True)).clean
    assert stored.status_code == 201
    await check_invariants(world)


async def test_what_was_rejected_is_what_it_was(filed: Folder) -> None:
    """Ready again, superseded when a newer one came in meanwhile, superseded if it was."""
    world = filed.world
    fresh = (await filed.new_ticket()).json()
    report = await filed.reported(reason="wrong_paper")
    letters = len(await world.inbox())
    answer = await step(filed.first, report, "rejection")
    assert (answer.status_code, answer.json()["state"]) == (200, "rejected")
    assert await filed.states() == ["ready"]
    assert (await world.fetches(filed.first, fresh)).content == JPEG
    assert len(await world.inbox()) == letters
    second = await filed.reported()
    await world.stores(filed.first, filed.subject, content=noted(JPEG, b"2"))
    assert (await step(filed.second, second, "rejection")).status_code == 200
    assert await filed.states() == ["superseded", "ready"]
    third = await filed.reported()
    assert (await step(filed.second, third, "rejection")).status_code == 200
    assert await filed.states() == ["superseded", "ready"]
    acts = [entry["act"] for entry in await world.entries() if "void" in entry.get("act", "")]
    assert acts == ["void_reported", "void_rejected"] * 3
    rows = (await filed.second.get("/v1/voids")).json()["data"]
    assert [row["id"] for row in rows] == [third, second, report]
    await check_invariants(world)


async def test_never_two_current_copies(filed: Folder) -> None:
    """An older copy that comes back, out of a report or out of quarantine, beside a newer one that is disputed: that one may return."""
    world, parts = filed.world, filed.world.parts
    older = await filed.reported()
    await world.stores(filed.first, filed.subject, content=noted(JPEG, b"2"))
    newer = await filed.reported(version=2)
    assert (await step(filed.second, older, "rejection")).status_code == 200
    assert await filed.states() == ["superseded", "disputed"]
    row = await filed.row()
    assert await put_aside(parts.keyring, parts.appender, row, "cipher", found_by="fsck", now=clock())
    assert await let_out(parts.keyring, parts.appender, replace(row, state="quarantined"))
    assert await filed.states() == ["superseded", "disputed"]
    assert (await step(filed.second, newer, "rejection")).status_code == 200
    assert await filed.states() == ["superseded", "ready"]


async def test_a_disputed_copy_leaves_its_dispute_by_no_side_door(filed: Folder) -> None:
    """Damaged meanwhile: ``fsck`` neither puts it aside nor lets it out; once it came back it is looked at again."""
    world = filed.world
    report = await filed.reported()
    Bucket(world).flip((await filed.row()).object_key, 0.5)
    await fsck(world, deep=True, repair=True)
    assert await filed.states() == ["disputed"]
    assert (await step(filed.second, report, "rejection")).status_code == 200
    await fsck(world, deep=True, repair=True)
    assert await filed.states() == ["quarantined"]
    assert told(await filed.reports()) == (409, "BK-4041")


async def test_what_the_law_wants_kept_is_not_voided(filed: Folder) -> None:
    """L26: served to nobody all the same; confirmed once the order is lifted."""
    dpo = await signed_in(filed.world, "pelindung", "dpo")
    report = await filed.reported()
    address = f"/v1/documents/{filed.document}/legal-hold"
    assert (await dpo.put(address, json={"order": "W2-U1/12/Pid/2026"})).status_code == 200
    before = await filed.row()
    assert told(await step(filed.second, report)) == (409, "BK-3043")
    assert (await filed.world.entries())[-1]["result"]["reason"] == "legal_hold"
    assert await filed.row() == before
    assert before.state == "disputed"
    assert (await dpo.delete(address)).status_code == 200
    assert (await step(filed.second, report)).status_code == 200
    assert await filed.states() == ["voided"]


async def test_an_erasure_that_was_first(filed: Folder) -> None:
    """The citizen had everything erased between report and confirmation: recipients and owner are told all the same."""
    world = filed.world
    await world.fetches(filed.first, filed.ticket)
    dpo = await signed_in(world, "pelindung", "dpo")
    report = await filed.reported(reason="wrong_person", belongs_to=filed.owner)
    phone = await phone_of(world)
    assert (await phone.asks("erasure", "everything", "other")).status_code == 200
    (case,) = await cases(dpo)
    assert (await settles(dpo, case["id"], "done")).status_code == 200
    assert await filed.states() == ["erased"]
    assert (await step(filed.second, report)).status_code == 200
    assert await filed.states() == ["voided"]
    assert await to_destroy(filed.first) == [(filed.document, 1)]
    assert "keliru disimpan" in [m["text"] for m in await world.inbox() if m["to"] == OWNERS_PHONE][-1]


async def test_reports_that_are_refused(filed: Folder) -> None:
    world = filed.world
    police = await world.officer("POLRI")
    dpo = await signed_in(world, "pelindung", "dpo")
    nobody = "sbj_01JD0000000000000000000000"
    before = await filed.row()
    refused = [
        (await filed.reports(police), (404, "BK-4004")),
        (await filed.reports(document="d_01JD0000000000000000000000"), (404, "BK-4004")),
        (await filed.reports(version=9), (404, "BK-4004")),
        (await filed.reports(dpo), (403, "BK-1017")),
        (await filed.reports(reason="wrong_person", belongs_to=filed.subject), (422, "BK-2117")),
        (await filed.reports(reason="wrong_person", belongs_to=nobody), (404, "BK-2002")),
        (await filed.reports(reason="wrong_paper", belongs_to=filed.owner), (422, "BK-2001")),
        (await filed.reports(reason="old"), (422, "BK-2001")),
    ]
    for answer, expected in refused:
        assert told(answer) == expected, answer.text
    alike = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer, _ in refused[:3]]
    assert alike[0] == alike[1] == alike[2]
    reasons = [entry["result"]["reason"] for entry in await world.entries() if not entry["result"]["allowed"]]
    assert reasons == [
        "paper_of_another_agency", "version_unknown", "version_unknown", "role_missing", "void_for_the_same", "subject_unknown",
    ]  # fmt: skip
    assert await filed.row() == before
    assert (await filed.first.get("/v1/voids")).json() == {"data": []}
    report = await filed.reported()
    assert told(await filed.reports()) == (409, "BK-2119")
    assert (await step(filed.second, report)).status_code == 200
    assert told(await filed.reports()) == (410, "BK-2121")


async def test_decisions_that_are_refused(filed: Folder) -> None:
    """Four eyes; another agency's report is told like one that is not there; once."""
    world = filed.world
    police = await world.officer("POLRI")
    dpo = await signed_in(world, "pelindung", "dpo")
    report = await filed.reported()
    for act in ("confirmation", "rejection"):
        theirs, nobodys = await step(police, report, act), await step(police, NOBODYS, act)
        assert told(theirs) == told(nobodys) == (404, "BK-2115")
        assert told(await step(dpo, report, act)) == (403, "BK-1017")
    assert told(await step(filed.first, report)) == (403, "BK-2095")
    assert await filed.states() == ["disputed"]
    reasons = {entry["result"].get("reason") for entry in await world.entries()}
    assert reasons >= {"void_of_another_agency", "void_unknown", "second_officer_needed", "role_missing"}
    assert (await police.get("/v1/voids")).json() == {"data": []}
    assert told(await dpo.get("/v1/voids")) == (403, "BK-1017")
    assert (await step(filed.second, report)).status_code == 200
    for act in ("confirmation", "rejection"):
        assert told(await step(filed.second, report, act)) == (409, "BK-2116")
    assert await filed.states() == ["voided"]


async def test_two_reports_in_one_batch_are_one(filed: Folder) -> None:
    sent = await in_one_batch(filed.world, filed.reports(), filed.reports(filed.second))
    assert [told(sent[1]), sent[0].status_code] == [(409, "BK-2119"), 201]
    assert len((await filed.first.get("/v1/voids")).json()["data"]) == 1


async def test_two_decisions_in_one_batch_are_one(filed: Folder) -> None:
    world = filed.world
    await world.fetches(filed.first, filed.ticket)
    await world.outcomes()
    third = await world.officer(name="ketiga")
    report = await filed.reported()
    sent = await in_one_batch(
        world, step(filed.second, report), step(third, report), step(third, report, "rejection")
    )
    assert [answer.status_code for answer in sent] == [200, 409, 409]
    assert await to_destroy(filed.first) == [(filed.document, 1)]
    assert await filed.states() == ["voided"]
    await check_invariants(world)


@pytest.mark.parametrize("report_first", [True, False])
async def test_a_release_and_a_report_in_one_batch(filed: Folder, report_first: bool) -> None:
    """Whichever came first in the ledger: who received it is asked to destroy it, who did not is not."""
    world = filed.world
    acts = [filed.reports(), world.fetches(filed.first, filed.ticket)]
    sent = await in_one_batch(world, *(acts if report_first else acts[::-1]))
    reported, fetched = sent if report_first else sent[::-1]
    await world.outcomes()
    assert reported.status_code == 201
    assert fetched.status_code == (409 if report_first else 200)
    assert (await step(filed.second, reported.json()["id"])).status_code == 200
    assert await to_destroy(filed.first) == ([] if report_first else [(filed.document, 1)])
    await check_invariants(world)


@pytest.mark.parametrize("confirmed_first", [True, False])
async def test_a_release_and_a_confirmation_in_one_batch(filed: Folder, confirmed_first: bool) -> None:
    """Neither order lets a byte leave: it is disputed already."""
    world = filed.world
    report = await filed.reported()
    acts = [step(filed.second, report), world.fetches(filed.first, filed.ticket)]
    sent = await in_one_batch(world, *(acts if confirmed_first else acts[::-1]))
    confirmed, fetched = sent if confirmed_first else sent[::-1]
    assert confirmed.status_code == 200
    assert told(fetched) == ((410, "BK-2121") if confirmed_first else (409, "BK-2119"))
    assert await owed(filed.first) == []
    await check_invariants(world)


async def test_an_intake_beside_a_confirmation_is_readable(filed: Folder) -> None:
    """The citizen's document key turns while papers come in: none is left under a key that is gone."""
    world = filed.world
    for number in range(4):
        report = await filed.reported(version=2 * number + 1)
        newer = noted(JPEG, bytes([number]))
        confirmed, stored = await asyncio.gather(
            step(filed.second, report), world.stores(filed.first, filed.subject, content=newer)
        )
        assert (confirmed.status_code, stored.status_code) == (200, 201)
        await world.stores(filed.first, filed.subject, content=noted(JPEG, b"next" + bytes([number])))
    await check_invariants(world)


async def test_a_wrong_paper_has_its_own_words(filed: Folder) -> None:
    await filed.voided(reason="wrong_paper")
    text = (await filed.world.inbox("notice"))[-1]["text"]
    assert "karena bukan dokumen yang dimaksud" in text
    assert "belum pernah diberikan kepada siapa pun" in text
    assert WRONG_PERSON["reason"] not in text

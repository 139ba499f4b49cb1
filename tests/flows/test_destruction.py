"""Papers are destroyed: by two persons, what is left out, the message, the minutes (L25 to L27, L52, A63)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from exchange.deps import clock
from exchange.pages.wording import day_words, local
from tests.files import noted
from tests.flows.retaining import DUE, Given, ages, given, granted, last_entry, whole
from tests.flows.test_administration import admin, signed_in, told
from tests.flows.test_rights import cases, phone_of, settles
from tests.world import JPEG, NAME, NIK, OTHER_NIK

__all__ = ["given", "whole"]


async def test_a_destruction_from_the_list_to_the_minutes(whole: Given) -> None:
    """L25 to L27, L52: proposed by one, approved by another; the key is gone, the citizen is told, the tombstone and the minutes stay."""
    given, world = whole, whole.world
    await ages(world, 24)
    proposed = await given.proposed()
    assert (proposed["state"], [paper["state"] for paper in proposed["papers"]]) == ("open", ["proposed"])
    assert await given.states() == [("KTP", 1, "ready")]
    done = await given.approves(proposed)
    (paper,) = done["papers"]
    assert (done["state"], paper["state"], paper["document_id"]) == ("done", "destroyed", given.document)
    assert await given.states() == [("KTP", 1, "erased")]
    effective = datetime.fromisoformat(done["effective_at"])
    assert abs(effective - datetime.fromisoformat(paper["at"]) - timedelta(days=35)) < timedelta(seconds=10)
    day = day_words(local(effective, "Asia/Makassar").date())
    notice = (await world.inbox("notice"))[-1]["text"]
    assert f"Pemusnahan tuntas pada {day}" in notice
    assert "KTP" in notice
    entry = await last_entry(world)
    assert entry["act"] == "destruction_ended"
    own = next(e for e in reversed(await world.entries()) if e.get("act") == "destroyed")
    assert (own["destruction"], own["erased"], own["why"], own["document_types"]) == (
        done["id"],
        [f"{given.document}/1"],
        "unused",
        ["KTP"],
    )
    async with world.parts.database.transaction() as transaction:  # it was sent months ago, by the same clock
        await transaction.raw.execute("UPDATE challenge SET sent_at = sent_at - interval '2 hours'")
    page = (await (await phone_of(world)).reads(at="")).text
    assert "dimusnahkan karena masa simpannya berakhir" in page
    assert (await given.due())["total"] == 0
    again = await given.head.post(f"/v1/destructions/{done['id']}/approval")
    assert told(again) == (409, "BK-2132")
    assert (await given.dpo.get(f"/v1/destructions/{done['id']}")).json() == done


async def test_the_minutes_name_no_citizen(given: Given) -> None:
    """L26: number, law, both persons, each paper with its versions and digests, the day on which it is complete; no name, no NIK."""
    world = given.world
    await ages(world, 24)
    proposed = await given.proposed()
    listed = await given.head.get(f"/v1/destructions/{proposed['id']}/minutes")
    assert "Daftar usul musnah" in listed.text
    done = await given.approves(proposed)
    page = await given.head.get(f"/v1/destructions/{done['id']}/minutes")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "<script" not in page.text
    for said in (
        "Berita acara pemusnahan", done["number"], given.document, "UU 43/2009", "Pasal 44", "Admin Contoh",
        done["papers"][0]["versions"][0]["sha256"], "Dimusnahkan: 1 dokumen", "Yang menyetujui", "Tidak dipakai selama 24 bulan",
    ):  # fmt: skip
        assert said in page.text, said
    assert day_words(local(datetime.fromisoformat(done["effective_at"]), "Asia/Makassar").date()) in page.text
    for secret in (NAME, NIK, given.subject, "sbj_"):
        assert secret not in page.text


async def test_two_persons_and_a_second_factor(given: Given) -> None:
    """L52, A63: not who proposed it, not without a second factor, not with another role; each refusal is on record, nothing changes."""
    world = given.world
    await ages(world, 24)
    proposed = await given.proposed()
    address = f"/v1/destructions/{proposed['id']}/approval"
    assert told(await given.dpo.post(address)) == (403, "BK-1018")
    assert (await last_entry(world, "second_person_needed"))["destruction"] == proposed["id"]
    weak = await signed_in(world, "pelindung.kedua", "dpo")
    assert told(await weak.post(address)) == (403, "BK-1019")
    assert told(await given.officer.post(address)) == (403, "BK-1017")
    assert told(await given.officer.get(DUE)) == (403, "BK-1017")
    assert told(await given.officer.post("/v1/destructions", json={})) == (403, "BK-1017")
    assert told(await given.head.post("/v1/destructions", json={})) == (403, "BK-1017")
    assert await given.states() == [("KTP", 1, "ready")]
    assert (await given.approves(proposed))["state"] == "done"


async def test_only_who_answers_for_the_store_destroys(given: Given) -> None:
    world = given.world
    await ages(world, 24)
    proposed = await given.proposed()
    other = (await admin(world, "pelindung.polri", "dpo", "POLRI")).at
    for answer in (
        await other.get(DUE),
        await other.post("/v1/destructions", json={}),
        await other.get(f"/v1/destructions/{proposed['id']}"),
        await other.get(f"/v1/destructions/{proposed['id']}/minutes"),
        await other.post(f"/v1/destructions/{proposed['id']}/approval"),
        await other.post(f"/v1/destructions/{proposed['id']}/rejection"),
    ):
        assert told(answer) == (403, "BK-2137")
    assert await given.states() == [("KTP", 1, "ready")]
    unknown = f"/v1/destructions/ds_{'0' * 26}"
    assert told(await given.dpo.get(unknown)) == (404, "BK-2131")
    assert told(await given.head.post(f"{unknown}/approval")) == (404, "BK-2131")
    assert told(await given.head.post(f"{unknown}/rejection")) == (404, "BK-2131")


async def test_what_may_not_be_proposed(given: Given) -> None:
    """Nothing due, a paper that is not due beside one that is, a moment that has not come, both ways at once."""
    world = given.world
    assert told(await given.dpo.post("/v1/destructions", json={})) == (409, "BK-2134")
    await ages(world, 24)
    fresh = (await world.stores(given.officer, given.subject, "NPWP", noted(JPEG, b"npwp"))).json()
    for body, answer in (
        ({"document_ids": [given.document, fresh["document_id"]]}, (409, "BK-2133")),
        ({"document_ids": [f"d_{'0' * 26}"]}, (409, "BK-2133")),
        ({"until": (clock() + timedelta(minutes=5)).isoformat()}, (422, "BK-2135")),
        ({"until": (clock() - timedelta(days=40)).isoformat()}, (409, "BK-2134")),
        ({"until": clock().isoformat(), "document_ids": [given.document]}, (422, "BK-2001")),
        ({"document_ids": []}, (422, "BK-2001")),
    ):
        assert told(await given.dpo.post("/v1/destructions", json=body)) == answer, body
    proposed = await given.proposed(document_ids=[given.document, given.document])
    assert [paper["document_id"] for paper in proposed["papers"]] == [given.document]
    assert (await given.proposed(until=clock().isoformat()))["papers"][0]["document_id"] == given.document


async def test_what_was_rejected_destroys_nothing(given: Given) -> None:
    """By the second person or by who proposed it; a decision stands."""
    await ages(given.world, 24)
    for by in (given.head, given.dpo):
        proposed = await given.proposed()
        address = f"/v1/destructions/{proposed['id']}"
        rejected = await by.post(f"{address}/rejection")
        assert (rejected.status_code, rejected.json()["state"]) == (200, "rejected")
        assert told(await given.head.post(f"{address}/approval")) == (409, "BK-2132")
        assert told(await given.head.post(f"{address}/rejection")) == (409, "BK-2132")
        assert "Usul ini ditolak" in (await given.head.get(f"{address}/minutes")).text
    assert await given.states() == [("KTP", 1, "ready")]


async def test_what_an_order_keeps(given: Given) -> None:
    """L26: shown, not proposed; an order that comes after the proposal keeps the paper too."""
    world = given.world
    await ages(world, 24)
    hold = f"/v1/documents/{given.document}/legal-hold"
    assert (await given.dpo.put(hold, json={"order": "W2-U1/12/Pid/2026"})).status_code == 200
    assert [row["legal_hold"] for row in (await given.due())["data"]] == [True]
    assert told(await given.dpo.post("/v1/destructions", json={})) == (409, "BK-2134")
    named = await given.dpo.post("/v1/destructions", json={"document_ids": [given.document]})
    assert told(named) == (409, "BK-2133")
    assert (await given.dpo.delete(hold)).status_code == 200
    proposed = await given.proposed()
    assert (await given.dpo.put(hold, json={"order": "W2-U1/12/Pid/2026"})).status_code == 200
    done = await given.approves(proposed)
    (paper,) = done["papers"]
    assert (done["state"], done["effective_at"]) == ("done", None)
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "legal_hold")
    assert await given.states() == [("KTP", 1, "ready")]
    assert (await last_entry(world, "legal_hold"))["document"] == given.document
    minutes = (await given.dpo.get(f"/v1/destructions/{done['id']}/minutes")).text
    assert "Tidak dimusnahkan: Dokumen itu masih wajib disimpan" in minutes


async def test_what_happens_after_the_proposal_counts(given: Given) -> None:
    """A request that waits, a case, an erasure by the citizen: left out, and said why, on the citizen's list too."""
    world = given.world
    await ages(world, 24)
    proposed = await given.proposed()
    await world.asks(given.officer, given.subject)
    (paper,) = (await given.approves(proposed))["papers"]
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "paper_in_use")
    await granted(given)
    await ages(world, 24)
    phone = await phone_of(world)
    proposed = await given.proposed()
    assert (await phone.asks("erasure", "everything", "other")).status_code == 200
    (paper,) = (await given.approves(proposed))["papers"]
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "case_pending")
    (case,) = await cases(given.dpo)
    assert (await settles(given.dpo, case["id"], "refused")).status_code == 200
    first, second = await given.proposed(), await given.proposed()
    assert (await given.approves(first))["papers"][0]["state"] == "destroyed"
    (paper,) = (await given.approves(second))["papers"]
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "version_erased")
    page = (await phone.reads(at="")).text
    assert "tidak jadi dimusnahkan" in page
    assert "Dokumen itu masih dipakai." in page


async def test_a_key_that_does_not_open_keeps_nobody_else(given: Given) -> None:
    """Another citizen's papers go; this one is left out and says why."""
    world = given.world
    other = await world.enrols(given.officer, OTHER_NIK, "+6281200009902")
    assert (await world.stores(given.officer, other, content=noted(JPEG, b"other"))).status_code == 201
    await ages(world, 24)
    proposed = await given.proposed()
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE citizen_key SET document_key = set_byte(document_key, 20, 255 - get_byte(document_key, 20)) WHERE id = $1",
            world.parts.keyring.meant(given.dpo.agency, given.subject),
        )
    done = await given.approves(proposed)
    assert done["state"] == "done"
    states = {paper["document_id"]: (paper["state"], paper["left_out_because"]) for paper in done["papers"]}
    assert states.pop(given.document) == ("left_out", "key_broken")
    assert list(states.values()) == [("destroyed", None)]


async def test_many_papers_are_paged_and_proposed_in_parts(
    whole: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages of the list together are all of it; a citizen's several papers go one after the other."""
    given, world = whole, whole.world
    other = await world.enrols(given.officer, OTHER_NIK, "+6281200009902")
    kinds = ("SKTM", "NPWP", "AKTA_LAHIR", "BUKU_NIKAH")
    for subject in (given.subject, other):
        for kind in kinds:
            content = noted(JPEG, f"{subject}{kind}".encode())
            assert (await world.stores(given.officer, subject, kind, content)).status_code == 201
    await ages(world, 24)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await given.due(limit=4, cursor=cursor)
        assert page["total"] == 9
        seen += [row["document_id"] for row in page["data"]]
        cursor = page["next_cursor"]
    assert seen == sorted(set(seen))
    assert len(seen) == 9
    monkeypatch.setattr("exchange.flows.propose_destruction.AT_ONCE", 5)
    assert [len((await given.destroys())["papers"]) for _ in range(2)] == [5, 4]
    assert {state for *_, state in await given.states()} == {"erased"}
    messages = [message for message in await world.inbox("notice") if "dimusnahkan" in message["text"]]
    assert len(messages) == 9
    assert not any(re.search(r"\d{16}", message["text"]) for message in messages)


async def test_a_disputed_paper_waits_for_its_two_officers(given: Given) -> None:
    """L26: whose paper it is, is being decided: not due, and left out of a list that was proposed before. A voided one is gone."""
    world = given.world
    await ages(world, 24)
    before = await given.proposed()
    reported = await given.officer.post(
        f"/v1/documents/{given.document}/versions/1/void", json={"reason": "wrong_paper"}
    )
    assert reported.status_code == 201, reported.text
    assert await given.ids() == []
    (paper,) = (await given.approves(before))["papers"]
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "case_pending")
    assert await given.states() == [("KTP", 1, "disputed")]
    rejected = await given.officer.post(f"/v1/voids/{reported.json()['id']}/rejection")
    assert rejected.status_code == 200, rejected.text
    await ages(world, 24)
    assert await given.ids() == [given.document]
    again = await given.officer.post(
        f"/v1/documents/{given.document}/versions/1/void", json={"reason": "wrong_paper"}
    )
    second = await world.officer(name="kedua")
    assert (await second.post(f"/v1/voids/{again.json()['id']}/confirmation")).status_code == 200
    assert await given.ids() == []
    assert await given.states() == [("KTP", 1, "voided")]

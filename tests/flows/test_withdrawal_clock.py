"""72 hours after a withdrawal: who owes an answer, what it was, who was reminded (L22, M18, N02, U14)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from exchange.deps import clock
from exchange.flows import remind_data_officers, run_officers
from exchange.rights_pages import reminder_text
from tests.files import noted
from tests.flows.test_administration import id_of, signed_in, told
from tests.world import JPEG, NIK, OTHER_NIK, PHONE, OfficerAt, World

NOBODYS = "wd_01JD0000000000000000000000"


async def owed(officer: OfficerAt, state: str = "open", **how: Any) -> list[dict[str, Any]]:
    answer = await officer.get("/v1/withdrawals", params={"state": state, **how})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def answers(officer: OfficerAt, withdrawal: str, word: str = "stopped", **more: str) -> Any:
    return await officer.post(f"/v1/withdrawals/{withdrawal}/answer", json={"answer": word, **more})


async def fetched_and_withdrawn(world: World, officer: OfficerAt, nik: str = NIK) -> tuple[str, str]:
    """(consent id, withdrawal id) of a consent under which a paper was fetched."""
    consent, ticket = await world.consented(officer, nik, noted(JPEG, nik.encode()))
    assert (await world.fetches(officer, ticket)).status_code == 200
    done = await officer.post(f"/v1/consents/{consent}/withdrawal")
    assert done.status_code == 200, done.text
    return consent, str(done.json()["withdrawal_id"])


async def test_the_clock_runs_from_the_withdrawal(world: World) -> None:
    """L22: 72 real hours; the agency's own people see it at once."""
    officer = await world.officer()
    dpo = await signed_in(world, "pelindung", "dpo")
    consent, withdrawal = await fetched_and_withdrawn(world, officer)
    for person in (officer, dpo):
        (row,) = await owed(person)
        assert (row["id"], row["consent_id"], row["state"]) == (withdrawal, consent, "open")
        assert row["kind"] == "withdrawn"
        assert row["document_types"] == ["KTP"]
        received, deadline = (datetime.fromisoformat(row[name]) for name in ("received_at", "deadline"))
        assert deadline - received == timedelta(hours=72)
    other = await world.officer("POLRI")
    assert await owed(other) == await owed(other, "all") == []
    supervisor = await signed_in(world, "kepala", "agency_admin")
    refused = await supervisor.get("/v1/withdrawals")
    assert told(refused) == (403, "BK-1017")
    assert (await world.entries())[-1]["result"] == {"allowed": False, "reason": "role_missing"}


@pytest.mark.parametrize(
    ("word", "more"),
    [("stopped", {}), ("deleted", {}), ("kept", {"article": "UU 43/2009 Pasal 53 ayat (1)"})],
)
async def test_the_recipient_answers(world: World, word: str, more: dict[str, str]) -> None:
    """M18: the answer stands in the citizen's list, the citizen is told, the clock stops."""
    officer = await world.officer()
    dpo = await signed_in(world, "pelindung", "dpo")
    _, withdrawal = await fetched_and_withdrawn(world, officer)
    answered = await answers(dpo, withdrawal, word, **more)
    assert answered.status_code == 200, answered.text
    assert (answered.json()["state"], answered.json()["answer"]) == ("answered", word)
    assert await owed(officer) == []
    (row,) = await owed(officer, "answered")
    assert row["article"] == more.get("article")
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["act"], entry["answer"]) == ("withdraw", "answer", word)
    assert entry["subject"].startswith("pw:")  # the citizen's own list
    notice = (await world.inbox("notice"))[-1]
    assert notice["to"] == PHONE
    assert "menjawab penarikan kembali persetujuan PST-" in notice["text"]
    assert more.get("article", "") in notice["text"]
    assert NIK not in notice["text"]


async def test_what_was_never_received_is_said_so(world: World) -> None:
    """N02, M18: nobody waits 72 hours for an agency that holds nothing; the ledger answers."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    withdrawal = (await officer.post(f"/v1/consents/{consent}/withdrawal")).json()["withdrawal_id"]
    assert await owed(officer) == []
    (row,) = await owed(officer, "answered")
    assert (row["id"], row["answer"]) == (withdrawal, "nothing_received")
    assert told(await answers(officer, withdrawal)) == (409, "BK-2082")


async def test_answers_that_are_refused(world: World) -> None:
    officer, other = await world.officer(), await world.officer("POLRI")
    admin = await signed_in(world, "kepala", "agency_admin")
    _, withdrawal = await fetched_and_withdrawn(world, officer)
    for wrong in ({"word": "kept"}, {"word": "stopped", "article": "UU 1"}, {"word": "later"}):
        assert told(await answers(officer, withdrawal, **wrong)) == (422, "BK-2001")
    theirs, nobodys = await answers(other, withdrawal), await answers(other, NOBODYS)
    assert told(theirs) == told(nobodys) == (404, "BK-2081")
    assert {k: v for k, v in theirs.json().items() if k != "request_id"} == {
        k: v for k, v in nobodys.json().items() if k != "request_id"
    }
    reasons = [entry["result"].get("reason") for entry in (await world.entries())[-2:]]
    assert reasons == ["withdrawal_of_another_agency", "withdrawal_unknown"]
    assert told(await answers(admin, withdrawal)) == (403, "BK-1017")
    assert (await world.entries())[-1]["result"]["reason"] == "role_missing"
    assert [row["state"] for row in await owed(officer)] == ["open"]


async def test_an_answer_is_given_once_and_a_deletion_may_follow(world: World) -> None:
    """Also in one batch."""
    officer = await world.officer()
    _, withdrawal = await fetched_and_withdrawn(world, officer)
    sent = await asyncio.gather(*(answers(officer, withdrawal, "stopped") for _ in range(4)))
    assert sorted(answer.status_code for answer in sent) == [200, 409, 409, 409]
    assert (await answers(officer, withdrawal, "deleted")).status_code == 200
    for word, more in (("stopped", {}), ("kept", {"article": "UU 1 Pasal 2"}), ("deleted", {})):
        assert told(await answers(officer, withdrawal, word, **more)) == (409, "BK-2082")
    assert [row["answer"] for row in await owed(officer, "answered")] == ["deleted"]


async def test_a_fetch_beside_the_withdrawal(world: World) -> None:
    """Whoever received a paper in the same moment is not excused: "nothing received" is only said when it is true."""
    officer = await world.officer()
    seen: set[str] = set()
    for step in range(8):
        nik = f"{int(NIK) + 20 * step:016d}"
        consent, ticket = await world.consented(officer, nik, noted(JPEG, nik.encode()))
        calls = [officer.post(f"/v1/consents/{consent}/withdrawal"), world.fetches(officer, ticket)]
        if step % 2:
            calls.reverse()
        await asyncio.gather(*calls)
        (row,) = [row for row in await owed(officer, "all") if row["consent_id"] == consent]
        released = [
            entry
            for entry in await world.entries()
            if entry["type"] == "release" and entry["consent"] == consent and entry["result"]["allowed"]
        ]
        assert not (released and row["answer"]), "said to have received nothing"
        seen.add("released" if released else "refused")
    assert seen


async def test_the_list_goes_on(world: World) -> None:
    officer = await world.officer()
    made = [(await fetched_and_withdrawn(world, officer, nik))[1] for nik in (NIK, OTHER_NIK)]
    first = await officer.get("/v1/withdrawals", params={"limit": 1})
    cursor = first.json()["next_cursor"]
    assert [row["id"] for row in first.json()["data"]] == [made[0]] == [cursor]
    assert first.headers["link"].endswith(f'cursor={cursor}>; rel="next"')
    assert [row["id"] for row in await owed(officer, limit=1, cursor=cursor)] == [made[1]]
    last = await officer.get("/v1/withdrawals", params={"cursor": made[1]})
    assert last.json() == {"data": [], "next_cursor": None}
    assert told(await officer.get("/v1/withdrawals", params={"cursor": "x' OR 1"})) == (422, "BK-2001")
    assert told(await officer.get("/v1/withdrawals", params={"state": "lost"})) == (422, "BK-2001")


async def hours_pass(world: World, hours: int) -> None:
    async with world.parts.database.transaction() as transaction:
        for statement in (
            "UPDATE withdrawal SET received_at = received_at - $1::interval, deadline = deadline - $1::interval",
            "UPDATE rights_case SET opened_at = opened_at - $1::interval, deadline = deadline - $1::interval",
        ):
            await transaction.raw.execute(statement, timedelta(hours=hours))


async def remind(world: World) -> int:
    parts = world.parts
    return await remind_data_officers.remind(
        parts.database, parts.keyring, parts.appender, words=reminder_text("MPP", parts.zone), now=clock()
    )


async def test_the_data_officer_is_reminded_and_told_when_it_is_too_late(world: World) -> None:
    """L22: a reminder when a day is left, another when it is over, each once, and the citizen's number in neither."""
    officer = await world.officer()
    dpo = await signed_in(world, "pelindung", "dpo")
    parts = world.parts
    await run_officers.set_email(
        parts.keyring, parts.appender, officer_id=await id_of(world, dpo), email="pdp@dpmptsp.example"
    )
    _, withdrawal = await fetched_and_withdrawn(world, officer)
    sent = []
    for hours in (47, 2, 22, 2, 50):  # 47, 49, 71, 73, 123 hours after it
        await hours_pass(world, hours)
        done = await asyncio.gather(remind(world), remind(world))  # two replicas
        letters = [m for m in await world.inbox("notice") if m["to"] == "pdp@dpmptsp.example"]
        sent.append((max(done), len(letters)))
    assert sent == [(0, 0), (1, 1), (0, 1), (1, 2), (0, 2)]
    assert "belum dijawab" in letters[0]["text"]
    assert "lewat batas waktu" in letters[1]["text"]
    assert NIK not in letters[0]["text"] + letters[1]["text"]
    (row,) = await owed(dpo, "overdue")
    assert (row["id"], row["state"]) == (withdrawal, "overdue")
    assert (await answers(dpo, withdrawal)).status_code == 200  # late is better than never
    assert await owed(dpo, "overdue") == []


async def test_without_a_data_officer_the_site_is_told(world: World) -> None:
    officer = await world.officer()
    boss = await signed_in(world, "situs", "site_admin", "IMIGRASI")
    parts = world.parts
    await run_officers.set_email(
        parts.keyring, parts.appender, officer_id=await id_of(world, boss), email="situs@mpp.example"
    )
    await fetched_and_withdrawn(world, officer)
    await hours_pass(world, 73)
    assert await remind(world) == 1
    assert [m["to"] for m in await world.inbox("notice")][-1] == "situs@mpp.example"

"""Four eyes over a consent without a phone, judged in the ledger's batch (N05, A63): who confirms, what, and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.flows import run_officers
from exchange.routes import assistance as routes
from tests.flows.assisting import at_the_desk, consents, in_one_batch, last, told
from tests.flows.test_administration import id_of
from tests.world import PASSWORD, World


@pytest.fixture
def one_item_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Showing a password again is an item of its own, before the confirmation: here it has been shown."""

    async def shown(*_: Any) -> None:
        return None

    monkeypatch.setattr(routes, "shown_again", shown)


async def _shifted(world: World, request_id: str) -> None:
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent_request SET expires_at = created_at WHERE id = $1", request_id
        )


async def test_who_asked_or_recorded_does_not_confirm(world: World) -> None:
    """Neither of them, in whatever session; a third officer does."""
    desk = await at_the_desk(world)
    third = await world.officer(name="ketiga")
    recording = await desk.recorded(officer=desk.second)  # the first one asked, the second one recorded
    elsewhere = await world.signs_in(desk.second.username)
    for own in (desk.first, desk.second, elsewhere):
        assert told(await desk.confirms(recording, own)) == (403, "BK-2055")
        entry = await last(world)
        assert (entry["type"], entry["act"]) == ("grant", "assisted")
        assert entry["result"] == {"allowed": False, "reason": "another_officer_needed"}
    assert await consents(world) == []
    assert (await desk.state())["awaiting"] == "confirmation"
    assert (await desk.confirms(recording, third)).status_code == 200


async def test_another_agencys_officer_sees_nothing_to_confirm(world: World) -> None:
    """Like a request that is not there."""
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    police = await world.officer("POLRI")
    theirs = await desk.confirms(recording, police)
    assert (await last(world))["result"]["reason"] == "request_of_another_agency"
    body = {"confirm": True, "recording": recording, "password": PASSWORD}
    nobodys = await police.post("/v1/consent-requests/cr_01JD0000000000000000000000/confirmation", json=body)
    assert (await last(world))["result"]["reason"] == "request_unknown"
    assert {told(theirs), told(nobodys)} == {(404, "BK-2034")}
    assert await consents(world) == []


async def test_nothing_recorded_is_nothing_to_confirm(world: World) -> None:
    desk = await at_the_desk(world)
    refused = await desk.confirms("ar_01JD0000000000000000000000")
    assert told(refused) == (409, "BK-2054")
    assert (await last(world))["result"]["reason"] == "nothing_recorded"


async def test_a_record_stays_until_somebody_discards_it(world: World) -> None:
    """Otherwise B would confirm another record than B read. Discarding takes a reason and no second person; then it is recorded anew."""
    desk = await at_the_desk(world)
    first = await desk.recorded()
    again = await desk.records(desk.second, granted=[])
    assert told(again) == (409, "BK-2053")
    assert (await last(world))["result"]["reason"] == "recorded_before"
    for officer, reason in ((desk.second, "wrong_papers"), (desk.first, "mistyped")):
        gone = await desk.confirms(first, officer, confirm=False, reason=reason)
        assert gone.status_code == 200
        entry = await last(world)
        assert (entry["act"], entry["why"], entry["recording"]) == ("discard_assisted", reason, first)
        assert "awaiting" not in await desk.state()
        assert told(await desk.confirms(first)) == (409, "BK-2054")
        second = await desk.recorded()
        assert second != first
        assert told(await desk.confirms(first)) == (409, "BK-2054")
        assert (await last(world))["result"]["reason"] == "recording_changed"
        first = second
    assert await consents(world) == []
    assert (await desk.confirms(first)).status_code == 200
    late = await desk.confirms(first, confirm=False, reason="mistyped")
    assert told(late) == (409, "BK-2052")


@pytest.mark.parametrize(
    "wrong",
    [
        {"confirm": False},
        {"confirm": True, "reason": "mistyped"},
        {"confirm": False, "reason": "karena Bapak W salah"},
        {"recording": "ar_x"},
    ],
)
async def test_what_is_no_confirmation(world: World, wrong: dict[str, Any]) -> None:
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    assert told(await desk.confirms(**{"recording": recording, **wrong})) == (422, "BK-2001")
    assert await consents(world) == []


async def test_after_its_time_and_after_it_was_replaced(world: World) -> None:
    """Fifteen minutes for both officers; a newer request of the agency ends the older one."""
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    newer = await world.asks(desk.first, desk.subject, channel="assisted")
    assert told(await desk.confirms(recording)) == (409, "BK-2052")
    assert (await last(world))["result"]["reason"] == "request_closed"
    desk.request = newer
    text = await desk.read()
    recording = await desk.recorded()
    await _shifted(world, newer["id"])
    assert told(await desk.confirms(recording)) == (409, "BK-2052")
    assert (await last(world))["result"]["reason"] == "request_expired"
    assert told(await desk.records(text_sha256=text)) == (409, "BK-2052")
    assert await consents(world) == []


async def test_both_must_still_be_officers(world: World) -> None:
    """Judged when it takes effect, as in ``four_eyes``: a suspended one neither confirms nor is confirmed."""
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    parts = world.parts
    first, second = await id_of(world, desk.first), await id_of(world, desk.second)
    third = await world.officer(name="ketiga")
    await run_officers.set_active(parts.keyring, parts.appender, officer_id=second, active=False)
    assert told(await desk.confirms(recording)) == (403, "BK-1004")
    await run_officers.set_active(parts.keyring, parts.appender, officer_id=first, active=False)
    assert told(await desk.confirms(recording, third)) == (409, "BK-2054")
    assert (await last(world))["result"]["reason"] == "recorder_suspended"
    assert await consents(world) == []


async def test_an_officer_who_is_suspended_in_the_same_batch(world: World, one_item_each: None) -> None:
    """What was true when the row was read is not true any more when it is judged."""
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    parts, first = world.parts, await id_of(world, desk.first)
    _, answer = await in_one_batch(
        world,
        run_officers.set_active(parts.keyring, parts.appender, officer_id=first, active=False),
        desk.confirms(recording),
    )
    assert told(answer) == (409, "BK-2054")
    assert (await last(world))["result"]["reason"] == "recorder_suspended"


async def test_two_confirmations_in_one_batch_are_one_consent(world: World, one_item_each: None) -> None:
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    third = await world.officer(name="ketiga")
    answers = await in_one_batch(world, desk.confirms(recording), desk.confirms(recording, third))
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["code"] == "BK-2052"
    rows = await consents(world)
    assert [row["id"] for row in rows] == [answers[0].json()["consent_id"]]
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM slip_code") == 1
        assert await reading.raw.fetchval("SELECT count(*) FROM citizen_link") == 1


async def test_eight_confirmations_at_once(world: World) -> None:
    """The whole way, with the password shown again: one consent."""
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    answers = await asyncio.gather(*(desk.confirms(recording) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert len(await consents(world)) == 1


async def test_nobody_confirms_their_own_record_in_one_batch(world: World, one_item_each: None) -> None:
    """B discards A's record, records another one, and confirms, all in one batch: whoever judged by the row that was read before, where
    A had recorded it, would let B do both.
    """
    desk = await at_the_desk(world)
    text = await desk.read()
    recording = await desk.recorded(granted=[])
    answers = await in_one_batch(
        world,
        desk.confirms(recording, confirm=False, reason="mistyped"),
        desk.records(desk.second, text_sha256=text),
        desk.confirms(recording),
    )
    assert [answer.status_code for answer in answers] == [200, 201, 409]
    assert (await last(world))["result"]["reason"] == "recording_changed"
    assert await consents(world) == []
    own = await desk.confirms(answers[1].json()["recording"])
    assert told(own) == (403, "BK-2055")


async def test_two_records_in_one_batch_are_one(world: World) -> None:
    desk = await at_the_desk(world)
    text = await desk.read()
    answers = await in_one_batch(
        world, desk.records(text_sha256=text), desk.records(desk.second, granted=[], text_sha256=text)
    )
    assert [answer.status_code for answer in answers] == [201, 409]
    assert (await desk.state())["recorded"]["recording"] == answers[0].json()["recording"]


async def test_a_new_request_and_a_confirmation_in_one_batch(world: World, one_item_each: None) -> None:
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    _, answer = await in_one_batch(
        world, world.asks(desk.first, desk.subject, channel="assisted"), desk.confirms(recording)
    )
    assert told(answer) == (409, "BK-2052")
    assert await consents(world) == []


async def test_a_withdrawal_and_a_fetch_in_one_batch(world: World) -> None:
    """An assisted consent is taken back like any other: the next act sees it."""
    desk = await at_the_desk(world)
    done = await desk.confirmed()
    code = {"reference": done["reference"], "code": done["withdrawal_code"]}
    answers = await in_one_batch(
        world,
        desk.second.post("/v1/withdrawals", json=code),
        desk.first.post("/v1/tickets", json={"consent_id": done["consent_id"]}),
    )
    assert answers[0].status_code == 200
    assert told(answers[1]) == (403, "BK-4005")


async def test_an_officer_of_the_identity_provider_signs_in_just_before(world: World) -> None:
    """Who has neither password nor passkey here: only in the first five minutes of a session of the provider's."""
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    assert told(await desk.confirms(recording, confirm=True)) == (403, "BK-2055")
    assert (await last(world))["result"]["reason"] == "presence_unproved"
    second = await id_of(world, desk.second)
    change = (
        "UPDATE session SET provider_session = 'https://sso.example x', created_at = $2 WHERE officer_id = $1"
    )
    for minutes, status in ((6, 403), (4, 200)):
        async with world.parts.database.transaction() as transaction:
            began = datetime.now(UTC) - timedelta(minutes=minutes)
            await transaction.raw.execute(change, second, began)
        assert (await desk.confirms(recording, confirm=True)).status_code == status


async def test_a_colleagues_open_session_is_not_enough(world: World) -> None:
    desk = await at_the_desk(world)
    recording = await desk.recorded()
    assert told(await desk.confirms(recording, password="tebakan yang salah sekali")) == (401, "BK-1002")
    assert await consents(world) == []
    assert (await desk.confirms(recording)).status_code == 200

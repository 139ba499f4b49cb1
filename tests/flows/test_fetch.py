"""Redeeming a ticket: once, by its holder, under a live consent; every refusal has its code and its entry."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from exchange.routes import delivery
from storage.errors import StoreUnavailable
from tests.files import noted
from tests.world import JPEG, OTHER_NIK, OfficerAt, World


async def _last(world: World) -> dict[str, object]:
    entry = (await world.entries())[-1]
    return {"type": entry["type"], **entry["result"]}


def _code(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]  # type: ignore[attr-defined]


async def test_fifty_in_parallel_exactly_one(world: World) -> None:
    """G-single use, A09, I5: the ticket's use and its entry are one commit."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    answers = await asyncio.gather(*(world.fetches(officer, ticket) for _ in range(50)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    assert good[0].content == JPEG
    assert {_code(answer) for answer in answers if answer.status_code != 200} <= {
        (409, "BK-4003"),
        (409, "BK-4008"),
    }


async def test_used_twice(world: World) -> None:
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    assert (await world.fetches(officer, ticket)).status_code == 200
    await world.outcomes()
    assert _code(await world.fetches(officer, ticket)) == (409, "BK-4003")
    assert await _last(world) == {"type": "redelivery", "allowed": False, "reason": "ticket_used"}


async def test_expired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A05: judged by the batch's clock; the refusal of a proven holder is on record."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    world.app.state.parts = _with_life(world, 1)
    ticket = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
    await asyncio.sleep(1.1)
    assert _code(await world.fetches(officer, ticket)) == (401, "BK-4002")
    assert (await _last(world))["reason"] == "ticket_expired"


async def test_after_withdrawal(world: World) -> None:
    """I4: the next fetch after an acknowledged withdrawal fails."""
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    await officer.post(f"/v1/consents/{consent}/withdrawal")
    assert _code(await world.fetches(officer, ticket)) == (403, "BK-4005")
    assert (await _last(world))["reason"] == "consent_withdrawn"


async def test_another_session(world: World) -> None:
    """A stolen ticket without its cookie: the same 404 as for nothing at all, and no entry (not a known caller)."""
    officer, thief = await world.officer(), await world.officer(name="lain")
    _, ticket = await world.consented(officer)
    before = len(await world.entries())
    assert _code(await world.fetches(thief, ticket)) == (404, "BK-4004")
    assert _code(await world.fetches(OfficerAt(world.browser(), "", ""), ticket)) == (404, "BK-4004")
    assert len(await world.entries()) == before
    assert (await world.fetches(officer, ticket)).status_code == 200


async def test_another_agency(world: World) -> None:
    """A33: no ticket for another agency's consent, told like a consent that does not exist."""
    officer, other = await world.officer(), await world.officer("POLRI")
    consent, _ = await world.consented(officer)
    stolen = await other.post("/v1/tickets", json={"consent_id": consent})
    absent = await other.post("/v1/tickets", json={"consent_id": "c_01JD0000000000000000000000"})
    assert _code(stolen) == _code(absent) == (404, "BK-4004")
    told, known = stolen.json(), absent.json()
    assert {name: told[name] for name in told if name != "request_id"} == {
        name: known[name] for name in known if name != "request_id"
    }
    reasons = [entry["result"].get("reason") for entry in await world.entries() if entry["type"] == "ticket"]
    assert reasons[-2:] == ["consent_of_another_agency", "consent_unknown"]


async def test_outside_the_consent(world: World) -> None:
    """A35: a document that the ticket does not name, and a ticket for a document that was not granted."""
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    _, other = await world.consented(officer, OTHER_NIK, noted(JPEG, b"2"))
    foreign = other["documents"][0]
    answer = await officer.get(
        foreign["content_url"], headers={"Authorization": f"Bearer {ticket['ticket']}"}
    )
    assert _code(answer) == (404, "BK-4004")
    assert (await _last(world))["reason"] == "not_in_ticket"
    asked = await officer.post(
        "/v1/tickets", json={"consent_id": consent, "documents": [foreign["document_id"]]}
    )
    assert _code(asked) == (404, "BK-4004")
    assert (await _last(world))["reason"] == "not_granted"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x.y.z", "Basic abc", "Bearer " + "a" * 20000])
async def test_no_ticket_at_all(world: World, header: str) -> None:
    """A01 to A11 end here: one opaque 401, no entry, never 500 (the table of named cases is tests/auth)."""
    officer = await world.officer()
    before = len(await world.entries())
    answer = await officer.get(
        "/v1/documents/d_01JD0000000000000000000000/versions/1/content",
        headers={"Authorization": header} if header else {},
    )
    assert _code(answer) == (401, "BK-4001")
    assert len(await world.entries()) == before


async def test_a_superseded_version(world: World) -> None:
    """The ticket pins the version; a newer scan makes it old."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    subject = await world.enrols(officer)
    assert (await world.stores(officer, subject, content=noted(JPEG, b"new"))).status_code == 201
    assert _code(await world.fetches(officer, ticket)) == (409, "BK-4007")


async def test_store_down_and_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F18: nothing is served, the outcome is on record, and the same session may repeat the delivery (redelivery)."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)

    async def down(*_: object) -> bytes:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(world.parts.vault._blobs, "get", down)
        assert _code(await world.fetches(officer, ticket)) == (503, "BK-5002")
    entries = [(e["type"], e.get("outcome")) for e in await world.entries()][-2:]
    assert entries == [("release", None), ("outcome", "aborted")]
    again = await world.fetches(officer, ticket)
    assert (again.status_code, again.content) == (200, JPEG)
    await world.outcomes()
    entries = [(e["type"], e.get("outcome")) for e in await world.entries()][-2:]
    assert entries == [("redelivery", None), ("outcome", "sent")]


async def test_at_most_three_redeliveries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN section 7: until the delivery is on record, three repeats; then the ticket is used."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)

    async def down(*_: object) -> bytes:
        raise StoreUnavailable("down")

    monkeypatch.setattr(world.parts.vault._blobs, "get", down)
    answers = [_code(await world.fetches(officer, ticket)) for _ in range(5)]
    assert answers == [(503, "BK-5002")] * 4 + [(409, "BK-4003")]


async def test_a_corrupt_object_is_never_served(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F20, I8: one flipped bit, another object's bytes, an empty body: 502 or 503, no byte of it leaves."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    blobs = world.parts.vault._blobs
    real = blobs.get

    async def flipped(key: str, size: int) -> bytes:
        body = bytearray(await real(key, size))
        body[size // 2] ^= 1
        return bytes(body)

    monkeypatch.setattr(blobs, "get", flipped)
    answer = await world.fetches(officer, ticket)
    assert _code(answer) == (502, "BK-5004")
    assert JPEG[:64] not in answer.content


async def test_database_gone_and_back(world: World) -> None:
    """F24, I9: 503 while every connection is cut; afterwards it works without a restart."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    world.parts.vault._places.clear()
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
    answer = await world.fetches(officer, ticket)
    assert answer.status_code in {200, 503}
    if answer.status_code == 503:
        answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.content) == (200, JPEG)


async def test_suspension_is_immediate(world: World) -> None:
    """A15: an officer who was suspended cannot redeem a ticket from before."""
    from exchange.flows import run_officers

    officer = await world.officer()
    _, ticket = await world.consented(officer)
    parts = world.parts
    officer_id = await run_officers.id_of(parts.database, officer.username)
    await run_officers.set_active(parts.keyring, parts.appender, officer_id=officer_id, active=False)
    assert _code(await world.fetches(officer, ticket)) == (403, "BK-1004")
    assert (await _last(world))["reason"] == "officer_suspended"


async def test_a_document_over_one_segment_streams(world: World) -> None:
    """D7: above 1 MB segment by segment, each authenticated; the bytes are the same."""
    world.app.state.parts = _with_limit(world, 5_000_000)
    officer = await world.officer()
    large = noted(JPEG, JPEG * 320)
    assert len(large) > 3_000_000
    _, ticket = await world.consented(officer, content=large)
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.content) == (200, large)
    await world.outcomes()
    last = (await world.entries())[-1]
    assert (last["outcome"], last["bytes"]) == ("sent", len(large))


async def test_the_short_way_and_the_long_way_answer_alike(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A well-formed request passes the framework by: same status, same headers, same bytes, same refusals, same entries."""
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    answers = []
    for way in ("short", "long"):
        if way == "long":
            monkeypatch.setattr(delivery, "_ADDRESS", re.compile("(?!)"))
            ticket = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
        path = ticket["documents"][0]["content_url"]
        sent = await world.fetches(officer, ticket)
        await world.outcomes()
        again = await world.fetches(officer, ticket)
        anonymous = await world.client.get(path)
        kinds = [entry["type"] for entry in (await world.entries())[-3:]]
        answers.append([kinds, sent.content, *(_alike(answer) for answer in (sent, again, anonymous))])
    assert answers[0] == answers[1]
    assert [status for status, *_ in answers[0][2:]] == [200, 409, 401]


def _alike(answer: httpx.Response) -> tuple[object, ...]:
    """Status, headers and problem, without what every answer has for itself."""
    own = {"x-request-id", "date", "berkas-receipt", "link", "content-length"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    problem = {} if answer.is_success else {k: v for k, v in answer.json().items() if k != "request_id"}
    return answer.status_code, headers, problem


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "d_x/versions/1", 401),
        ("GET", "d_01JD7XKQ000000000000000000/versions/0", 401),
        ("GET", "d_01JD7XKQ000000000000000000/versions/2147483648", 401),
        ("GET", "d_01JD7XKQ000000000000000000/versions/1%0a", 401),
        ("HEAD", "d_01JD7XKQ000000000000000000/versions/1", 405),
        ("DELETE", "d_01JD7XKQ000000000000000000/versions/1", 405),
    ],
)
async def test_what_is_not_well_formed_goes_the_long_way(
    world: World, method: str, address: str, status: int
) -> None:
    """Nothing but one exact spelling of a GET is served past the framework's own checks."""
    answer = await world.client.request(method, f"/v1/documents/{address}/content")
    assert answer.status_code == status
    assert answer.headers["x-request-id"]


async def test_a_client_that_hangs_up_is_recorded(world: World) -> None:
    """F36: the outcome says aborted, and the session may fetch again."""
    world.app.state.parts = _with_limit(world, 20_000_000)
    officer = await world.officer()
    large = noted(JPEG, JPEG * 1600)
    _, ticket = await world.consented(officer, content=large)
    document = ticket["documents"][0]
    headers = {"Authorization": f"Bearer {ticket['ticket']}"}
    async with officer.client.stream("GET", document["content_url"], headers=headers) as response:
        await anext(response.aiter_bytes(1000))
    await world.outcomes()
    assert (await world.entries())[-1]["outcome"] == "aborted"
    assert (await world.fetches(officer, ticket)).content == large


async def test_unknown_outcomes_are_closed(world: World) -> None:
    """F11 to F16: a process that died in mid-delivery leaves "unknown" once its outcome is due; one entry, also when two
    replicas look."""
    from exchange.flows import tidy_up

    officer = await world.officer()
    _, ticket = await world.consented(officer)
    await world.fetches(officer, ticket)
    await world.outcomes()
    parts = world.parts
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE ticket_use SET open = true, delivered = false")
    assert await tidy_up.close_abandoned(parts.database, parts.keyring, parts.appender) == 0
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE ticket_use SET due_at = due_at - interval '61 seconds'")
    looks = (tidy_up.close_abandoned(parts.database, parts.keyring, parts.appender) for _ in range(2))
    assert sum(await asyncio.gather(*looks)) >= 1
    assert await tidy_up.close_abandoned(parts.database, parts.keyring, parts.appender) == 0
    assert (await world.entries())[-1]["outcome"] == "unknown"


def _with_life(world: World, life_s: int) -> object:
    from dataclasses import replace

    return replace(world.parts, settings=world.parts.settings.model_copy(update={"ticket_life_s": life_s}))


def _with_limit(world: World, limit: int) -> object:
    from dataclasses import replace

    return replace(
        world.parts, settings=world.parts.settings.model_copy(update={"upload_limit_bytes": limit})
    )

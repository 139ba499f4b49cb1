"""Who may still act: guesses are counted, ended sessions read nothing, odd bytes are refused before the database."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from exchange.flows import run_officers, run_site
from tests.world import JPEG, NIK, PASSWORD, World

READS = ("/v1/services", "/v1/services/DPMPTSP.NIB", "/v1/document-types")


def _code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("known", [True, False])
async def test_parallel_guesses_count_one_by_one(world: World, known: bool) -> None:
    """A19, A61: ten a minute, for a name that exists and one that does not. Wrong version: the try is counted after the
    password was verified, and fifty at once are all verified."""
    officer = await world.officer()
    world.parts.sign_ins._clock = lambda: 30.0  # the minute shall not end in mid-test
    name = officer.username if known else "siapa.saja"
    calls = (
        world.client.post("/v1/session", json={"username": name, "password": f"salah {number}"})
        for number in range(30)
    )
    codes = [_code(answer) for answer in await asyncio.gather(*calls)]
    assert sorted(set(codes)) == [(401, "BK-1002"), (429, "BK-1006")]
    assert codes.count((401, "BK-1002")) == 10
    right = await world.client.post("/v1/session", json={"username": name, "password": PASSWORD})
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0


async def test_guessing_does_not_lock_the_owner_out_of_a_session(world: World) -> None:
    """Wrong version: refused sign-ins are counted with what the officer does."""
    officer = await world.officer()
    for number in range(12):
        await world.client.post(
            "/v1/session", json={"username": officer.username, "password": f"salah {number}"}
        )
    answer = await officer.post("/v1/subjects", json={"nik": NIK, "name": "Warga Contoh"})
    assert answer.status_code == 201


async def test_a_right_password_is_forgiven(world: World) -> None:
    """Nine slips and one success, twice: nobody is locked out."""
    officer = await world.officer()
    for _ in range(2):
        for number in range(9):
            await world.client.post(
                "/v1/session", json={"username": officer.username, "password": f"x{number}"}
            )
        right = await world.client.post(
            "/v1/session", json={"username": officer.username, "password": PASSWORD}
        )
        assert right.status_code == 201


async def test_too_many_passwords_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A64: the pool is bounded, and so is its queue: 503 with Retry-After, not a queue without end."""
    monkeypatch.setattr("exchange.passwords.MAX_WAITING", 2)
    calls = (
        world.client.post("/v1/session", json={"username": f"orang.{number}", "password": "x"})
        for number in range(12)
    )
    codes = [_code(answer) for answer in await asyncio.gather(*calls)]
    assert (503, "BK-5006") in codes
    assert set(codes) <= {(503, "BK-5006"), (401, "BK-1002")}


async def _aged(world: World, column: str, by: str) -> None:
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(f"UPDATE session SET {column} = {column} - interval '{by}'")


@pytest.mark.parametrize(
    ("column", "by"), [("last_seen_at", "16 minutes"), ("created_at", "8 hours 1 second")]
)
async def test_an_old_session_reads_nothing(world: World, column: str, by: str) -> None:
    """Idle 15 minutes, 8 hours in all, for reading too. Wrong version: only acts that write an entry are judged."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    request = await world.asks(officer, subject)
    paths = [*READS, f"/v1/consent-requests/{request['id']}"]
    assert [(await officer.get(path)).status_code for path in paths] == [200] * 4
    await _aged(world, column, by)
    assert [_code(await officer.get(path)) for path in paths] == [(401, "BK-1001")] * 4


@pytest.mark.parametrize("whom", ["officer", "agency"])
async def test_the_suspended_read_nothing_and_enrol_nobody(world: World, whom: str) -> None:
    """A15, A34: with the next request; nothing of the citizen is kept."""
    officer = await world.officer()
    parts = world.parts
    if whom == "officer":
        officer_id = await run_officers.id_of(parts.database, officer.username)
        await run_officers.set_active(parts.keyring, parts.appender, officer_id=officer_id, active=False)
    else:
        await run_site.set_agency_active(
            parts.keyring, parts.appender, agency_id=officer.agency, active=False
        )
    assert [_code(await officer.get(path)) for path in READS] == [(403, "BK-1004")] * 3
    refused = await officer.post("/v1/subjects", json={"nik": NIK, "name": "Nama Palsu"})
    assert _code(refused) == (403, "BK-1004")
    async with parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM subject") == 0


async def test_refusals_do_not_keep_a_withdrawal_waiting(world: World) -> None:
    """UU 27/2022 art. 40. Wrong version: after sixty refusals a minute the officer cannot record a withdrawal either."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    world.parts.appender._budget._clock = lambda: 30.0
    for _ in range(60):
        await officer.post("/v1/tickets", json={"consent_id": "c_01JD0000000000000000000000"})
    refused = await officer.post("/v1/tickets", json={"consent_id": consent})
    assert _code(refused) == (429, "BK-1006")
    withdrawn = await officer.post(f"/v1/consents/{consent}/withdrawal")
    assert withdrawn.status_code == 200


NUL = "nul\x00nul"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/session", {"username": NUL, "password": "x"}),
        ("POST", "/v1/tickets", {"consent_id": NUL}),
        ("POST", "/v1/tickets", {"consent_id": "c_01JD0000000000000000000000", "documents": [NUL]}),
        ("POST", "/v1/subjects", {"nik": NIK, "name": NUL}),
        ("POST", "/v1/subjects", {"nik": NIK, "name": "baris\nbaru"}),
        ("POST", "/v1/readiness", {"nik": NIK, "service": NUL}),
        ("POST", "/v1/readiness", {"nik": NIK, "service": "DPMPTSP.NIB", "answers": {NUL: True}}),
        ("GET", "/v1/consent-requests/%00", None),
        ("GET", "/v1/consent-requests/cr_%00", None),
        ("POST", "/v1/consents/%00/withdrawal", {}),
        ("POST", "/v1/subjects/site/documents?type=KTP", None),
        ("POST", "/v1/subjects/%00/documents?type=KTP", None),
    ],
)
async def test_bytes_that_no_database_holds(world: World, method: str, path: str, body: Any) -> None:
    """A50, A65: 422 with a problem document, never 500. Wrong version: the driver's error reaches the caller."""
    officer = await world.officer()
    headers = (
        {"X-CSRF-Token": officer.csrf, "Content-Length": "0"}
        if body is None
        else {"X-CSRF-Token": officer.csrf}
    )
    answer = await officer.client.request(method, path, json=body, headers=headers)
    assert _code(answer) == (422, "BK-2001")


@pytest.mark.parametrize("version", ["99999999999999999999", "0", "-1", "1.5", "satu"])
async def test_versions_that_cannot_be(world: World, version: str) -> None:
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    document = ticket["documents"][0]["document_id"]
    answer = await officer.get(
        f"/v1/documents/{document}/versions/{version}/content",
        headers={"Authorization": f"Bearer {ticket['ticket']}"},
    )
    assert _code(answer) == (422, "BK-2001")


async def test_a_plain_body_that_is_too_long(world: World) -> None:
    """413, and the rest of the body is not read."""
    officer = await world.officer()
    answer = await officer.post(
        "/v1/subjects", content=b" " * 70_000, headers={"Content-Type": "application/json"}
    )
    assert _code(answer) == (413, "BK-3005")
    assert answer.headers["connection"] == "close"


async def test_a_plain_body_that_does_not_come(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A47: 408, and the connection ends."""
    monkeypatch.setattr("exchange.edge.PLAIN_BODY_LIMIT_S", 0.3)
    host, port = world.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(-1), 5)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"BK-3004" in answer


async def test_an_unexpected_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A53: 500 with a request id and the safe headers like every answer, and not a word of what went wrong."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("rahasia 6472091708909901")

    monkeypatch.setattr("exchange.routes.counter.parse_nik", broken)
    officer = await world.officer()
    answer = await officer.post("/v1/subjects", json={"nik": NIK, "name": "Warga Contoh"})
    assert _code(answer) == (500, "BK-9001")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store, private"
    assert "rahasia" not in answer.text


async def test_another_agencys_request_is_not_there_and_on_record(world: World) -> None:
    """A33: the same 404 for another agency's request and for none; the entries differ."""
    officer, other = await world.officer(), await world.officer("POLRI")
    subject = await world.enrols(officer)
    await world.stores(officer, subject, content=JPEG)
    request = await world.asks(officer, subject)
    answers = [
        await other.get(f"/v1/consent-requests/{request_id}")
        for request_id in (request["id"], "cr_01JD0000000000000000000000")
    ]
    assert [_code(answer) for answer in answers] == [(404, "BK-2034")] * 2
    reasons = [entry["result"].get("reason") for entry in await world.entries()][-2:]
    assert reasons == ["request_of_another_agency", "request_unknown"]


@pytest.mark.parametrize(
    "address", ["a@b.c,evil@x.y", "a@b", "a b@c.de", "a@b.de\r\nBcc: x@y.z", "<a@b.de>", "@b.de"]
)
async def test_an_address_that_is_more_than_one(world: World, address: str) -> None:
    officer = await world.officer()
    body = {"nik": NIK, "name": "Warga Contoh", "contacts": [{"channel": "email", "value": address}]}
    assert _code(await officer.post("/v1/subjects", json=body))[0] == 422


@pytest.mark.parametrize("where", ["a field", "a field's name", "the address", "behind a chunk"])
async def test_a_head_without_end_is_cut_off(world: World, where: str) -> None:
    """One connection with a line of 60 MB held everybody up for four seconds, and the health check answered 503."""
    host, _, port = world.origin.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    begin = {
        "a field": b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        "a field's name": b"GET / HTTP/1.1\r\nHost: x\r\nX",
        "the address": b"GET /",
        "behind a chunk": b"POST /v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX: ",
    }[where]
    writer.write(begin)
    sent = 0
    with contextlib.suppress(ConnectionError):
        for _ in range(160):
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536
            await asyncio.sleep(0.001)
    assert sent < 8_000_000, "it was read to its end"
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 5)
    assert b" 200 " not in answer
    if where != "behind a chunk" and answer:
        assert answer.startswith(b"HTTP/1.1 4")
    writer.close()
    assert (await world.client.get("/health/live")).status_code == 200


async def test_a_long_but_honest_head_passes(world: World) -> None:
    """A ticket of 50 documents and its proxy's fields."""
    answer = await world.client.get("/health/live", headers={"X-Long": "a" * 30_000})
    assert answer.status_code == 200

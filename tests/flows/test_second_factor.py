"""An officer's authenticator and the lock on guesses (A19, A61; M24)."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyotp
import pytest

from auth.sign_in import FIRST_LOCK, LONGEST_LOCK, STEP_S, locked_until, step_of
from auth.verdict import AccessRefused
from exchange import sessions
from exchange.deps import Parts
from exchange.flows import run_officers, sign_in
from exchange.wiring import at_work
from storage.ledger.refusals import RefusalBudget
from tests.world import PASSWORD, OfficerAt, World

REAL_FLOORS = True
# RFC 6238, appendix B (SHA-1), the last six of its eight digits.
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
}
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_rfc_6238(seconds: int, code: str) -> None:
    step = seconds // STEP_S
    assert step_of(SECRET, code, 0, _at(seconds)) == step
    assert step_of(SECRET, code, step, _at(seconds)) is None  # once
    for drift in (-1, 1):
        assert step_of(SECRET, code, 0, _at(seconds + drift * STEP_S)) == step
    for drift in (-2, 2):
        assert step_of(SECRET, code, 0, _at(max(0, seconds + drift * STEP_S))) is None or seconds < 2 * STEP_S
    for other in ("", "0", code[:5], code + "0", " " + code, "٢" * 6):
        assert step_of(SECRET, other, 0, _at(seconds)) is None


def test_each_lock_is_twice_as_long() -> None:
    now = _at(0)
    assert locked_until(9, 0, now) is None
    assert [locked_until(10, locks, now) for locks in (0, 1, 2)] == [
        now + FIRST_LOCK * factor for factor in (1, 2, 4)
    ]
    assert locked_until(10, 60, now) == now + LONGEST_LOCK


async def _signs_in(
    world: World, officer: OfficerAt, code: str | None = None, password: str = PASSWORD
) -> httpx.Response:
    body: dict[str, Any] = {"username": officer.username, "password": password}
    return await world.browser().post("/v1/session", json=body if code is None else body | {"code": code})


async def _enrolled(world: World, officer: OfficerAt) -> tuple[pyotp.TOTP, list[str], int]:
    """(authenticator, recovery codes, the last step used)."""
    begun = await officer.post("/v1/session/totp", json={"password": PASSWORD})
    assert begun.status_code == 201, begun.text
    totp = pyotp.parse_uri(begun.json()["uri"])
    assert isinstance(totp, pyotp.TOTP)
    assert totp.secret == begun.json()["secret"]
    step = int(time.time()) // STEP_S
    done = await officer.post("/v1/session/totp/confirmation", json={"code": totp.at(step * STEP_S)})
    assert done.status_code == 200, done.text
    return totp, done.json()["recovery_codes"], step


async def _reasons(world: World) -> list[str | None]:
    return [e["result"].get("reason") for e in await world.entries() if e.get("act") == "sign_in"]


async def test_from_its_confirmation_on_a_code_is_asked_for(world: World) -> None:
    """Each code counts once, also the one that confirmed; a recovery code stands in for one, once."""
    officer = await world.officer()
    begun = await officer.post("/v1/session/totp", json={"password": PASSWORD})
    assert (await _signs_in(world, officer)).status_code == 201  # not confirmed yet
    wrong = await officer.post("/v1/session/totp/confirmation", json={"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "BK-1014")
    totp, recovery, step = await _enrolled(world, officer)
    assert begun.json()["secret"] != totp.secret
    refused = [
        await _signs_in(world, officer),
        await _signs_in(world, officer, ""),
        await _signs_in(world, officer, totp.at(step * STEP_S)),
        await _signs_in(world, officer, totp.at((step - 5) * STEP_S)),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(401, "BK-1002")] * 4
    assert (await _reasons(world))[-4:] == ["second_factor_failed"] * 4
    following = totp.at((step + 1) * STEP_S)
    tries = [_signs_in(world, officer, following) for _ in range(4)]
    assert sorted([answer.status_code for answer in await asyncio.gather(*tries)]) == [201, 401, 401, 401]
    typed = recovery[3].upper().replace("-", " ")
    assert (await _signs_in(world, officer, typed, password="another")).status_code == 401
    tries = [_signs_in(world, officer, typed) for _ in range(3)]
    assert sorted([answer.status_code for answer in await asyncio.gather(*tries)]) == [201, 401, 401]
    assert (await _signs_in(world, officer, recovery[4])).status_code == 201


async def test_only_the_owner_enrols_one(world: World) -> None:
    """An open session is not enough, and a factor is replaced only after an administrator took it away."""
    officer, parts = await world.officer(), world.parts
    stolen = await officer.post("/v1/session/totp", json={"password": "guessed"})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "BK-1002")
    early = await officer.post("/v1/session/totp/confirmation", json={"code": "123456"})
    assert (early.status_code, early.json()["code"]) == (422, "BK-1014")
    _, recovery, _ = await _enrolled(world, officer)
    again = await officer.post("/v1/session/totp", json={"password": PASSWORD, "code": recovery[0]})
    assert (again.status_code, again.json()["code"]) == (409, "BK-1008")
    await run_officers.take_away_factor(
        parts.keyring, parts.appender, officer_id=await run_officers.id_of(parts.database, officer.username)
    )
    officer = await world.officer()  # its session had ended
    typed = await _signs_in(world, officer, recovery[1])  # what is typed beside it is not looked at
    assert typed.status_code == 201
    await _enrolled(world, officer)
    acts = [e["act"] for e in await world.entries() if e["type"] == "officer" and e["result"]["allowed"]]
    assert [act for act in acts if "factor" in act] == [
        "begin_factor", "confirm_factor", "take_away_factor", "begin_factor", "confirm_factor",
    ]  # fmt: skip
    async with parts.database.reading() as reading:
        kept = await reading.raw.fetchrow("SELECT secret, recovery FROM second_factor")
    assert b"otpauth" not in bytes(kept["secret"])
    assert recovery[2] not in kept["recovery"]


async def test_a_factor_that_was_taken_away_is_gone(world: World) -> None:
    """Seen failing: with the lost phone and a session that was open, the old secret was confirmed again, and its owner locked out."""
    officer, parts = await world.officer(), world.parts
    other = await world.officer()
    totp, _, step = await _enrolled(world, officer)
    assert (await other.get("/v1/services")).status_code == 401  # signed in without it
    await run_officers.take_away_factor(
        parts.keyring, parts.appender, officer_id=await run_officers.id_of(parts.database, officer.username)
    )
    assert (await officer.get("/v1/services")).status_code == 401
    thief = await world.officer()  # with the password that they know, even
    for code in (totp.at((step + 1) * STEP_S), ""):
        answer = await thief.post("/v1/session/totp/confirmation", json={"code": code})
        assert (answer.status_code, answer.json()["code"]) == (422, "BK-1014")
    assert (await _signs_in(world, officer)).status_code == 201


async def _tries(parts: Parts, officer: OfficerAt, password: str) -> str:
    """Past the limit of one process: what the ledger says."""
    try:
        await sign_in.sign_in(
            parts.database,
            parts.keyring,
            parts.appender,
            RefusalBudget(per_minute=1_000),
            username=officer.username,
            password=password,
        )
    except AccessRefused as refused:
        return refused.reason
    return "in"


async def test_ten_failures_lock_a_name_everywhere(world: World) -> None:
    """A19: counted in the ledger's order, so that parallel guesses on two replicas are ten and no more. The open session goes on."""
    officer, parts = await world.officer(), world.parts
    async with at_work(parts.settings) as replica:
        guesses = [_tries(side, officer, f"guess {n}") for n in range(8) for side in (parts, replica)]
        told = await asyncio.gather(*guesses)
        assert sorted(told) == ["sign_in_failed"] * 10 + ["sign_in_locked"] * 6
        assert await _tries(replica, officer, PASSWORD) == "sign_in_locked"
    assert (await officer.get("/v1/services")).status_code == 200
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE sign_in_tries SET locked_until = locked_until - interval '15 minutes'"
        )
    assert [await _tries(parts, officer, "guess") for _ in range(10)] == ["sign_in_failed"] * 10
    async with parts.database.reading() as reading:
        until = await reading.raw.fetchval("SELECT locked_until FROM sign_in_tries")
    assert until - datetime.now(UTC) > FIRST_LOCK * 2 - timedelta(minutes=1)
    await run_officers.unlock(
        parts.keyring, parts.appender, officer_id=await run_officers.id_of(parts.database, officer.username)
    )
    assert await _tries(parts, officer, PASSWORD) == "in"
    assert [await _tries(parts, officer, "guess") for _ in range(9)] == ["sign_in_failed"] * 9
    assert await _tries(parts, officer, PASSWORD) == "in"  # and nine slips are forgiven


async def test_nothing_tells_one_refusal_from_another(world: World) -> None:
    """A61: unknown name, wrong password, missing code, locked: the same text, and none earlier than the slowest needs."""
    officer, other = await world.officer(), await world.officer(name="lain")
    await _enrolled(world, officer)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "INSERT INTO sign_in_tries SELECT id, 0, 1, clock_timestamp() + interval '1 hour' FROM officer "
            "WHERE username = $1", other.username,
        )  # fmt: skip
    told = []
    for name, password in (
        ("siapa.saja", PASSWORD),
        (officer.username, "wrong"),
        (officer.username, PASSWORD),
        (other.username, PASSWORD),
    ):
        began_s = time.monotonic()
        answer = await world.client.post("/v1/session", json={"username": name, "password": password})
        assert time.monotonic() - began_s >= sessions.REFUSED_AFTER_S
        told.append({k: v for k, v in answer.json().items() if k != "request_id"})
    assert told == [told[0]] * 4
    assert told[0]["code"] == "BK-1002"

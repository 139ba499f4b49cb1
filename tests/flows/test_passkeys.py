"""Passkeys of officers: registered, listed, signed in with, removed, taken away (WebAuthn Level 3; M24)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pyotp
import pytest

from auth.passkeys import PASSKEYS_OF_ONE_OFFICER
from auth.verdict import AccessRefused
from exchange.entrance import relying_party
from exchange.flows import passkey_sign_in, run_officers, run_site
from exchange.wiring import at_work
from tests.authenticator import (
    EDDSA,
    ES256,
    RS256,
    Authenticator,
    b64,
    creation_options,
    enrolled,
    keeps,
    raw,
    request_options,
    shows,
    signs_in,
)
from tests.world import CANARIES, PASSWORD, OfficerAt, World


def _told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def _by_password(world: World, officer: OfficerAt, code: str | None = None) -> httpx.Response:
    body: dict[str, Any] = {"username": officer.username, "password": PASSWORD}
    return await world.browser().post("/v1/session", json=body if code is None else body | {"code": code})


async def _acts(world: World) -> list[tuple[str, str | None, str | None]]:
    """(act, way, reason) of the officers' entries."""
    return [
        (entry["act"], entry.get("way"), entry["result"].get("reason"))
        for entry in await world.entries()
        if entry["type"] == "officer" and entry["actor"] != "operator"
    ]


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
async def test_a_passkey_signs_in_alone(world: World, algorithm: int) -> None:
    """The same answer and the same cookie as the password gives; one entry that says which way."""
    officer = await world.officer()
    device, codes = await enrolled(world, officer, algorithm=algorithm)
    assert len(set(codes)) == 10
    browser = world.browser()
    answer = await browser.post("/v1/session/passkey", json=device.get(await request_options(world)))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["officer"]["agency"] == officer.agency
    CANARIES.update({answer.json()["csrf"], *browser.cookies.values()})
    assert "httponly" in answer.headers["set-cookie"].lower()
    again = OfficerAt(browser, officer.username, officer.agency, answer.json()["csrf"])
    assert (await again.get("/v1/services")).status_code == 200
    assert (await world.enrols(again)).startswith("sbj_")
    assert (await _acts(world))[1:4] == [
        ("reauthenticate", None, None),
        ("add_passkey", None, None),
        ("sign_in", "passkey", None),
    ]
    named = [entry["passkey"] for entry in await world.entries() if "passkey" in entry]
    assert named == [device.credential_id] * 2


async def test_what_the_browser_is_asked_for(world: World) -> None:
    """Discoverable, verified, no attestation; the handle is no name; who has one already is told to the authenticator only."""
    officer = await world.officer()
    options = await creation_options(officer)
    selection = options["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    assert [one["alg"] for one in options["pubKeyCredParams"]] == [ES256, EDDSA, RS256]
    assert options["attestation"] == "none"
    assert options["excludeCredentials"] == []
    assert options["rp"]["id"] == "127.0.0.1"
    assert raw(options["user"]["id"]).startswith(b"off_")
    assert options["user"]["name"] == options["user"]["displayName"] == officer.username
    device, _ = await enrolled(world, officer)
    asked = await request_options(world)
    assert asked["userVerification"] == "required"
    assert asked["allowCredentials"] == []
    again = device.get(await request_options(world))
    options = await creation_options(officer, passkey=again)
    assert [one["id"] for one in options["excludeCredentials"]] == [device.credential_id]


async def test_nothing_is_kept_of_a_question(world: World) -> None:
    """Whoever asks for a challenge grows no table and no ledger."""

    async def rows() -> dict[str, int]:
        async with world.parts.database.reading() as reading:
            tables = await reading.raw.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return {
                row["tablename"]: await reading.raw.fetchval(f"SELECT count(*) FROM {row['tablename']}")
                for row in tables
                if row["tablename"] != "log_checkpoint"  # signed beside the requests, of what was before
            }

    before = await rows()
    for _ in range(20):
        await request_options(world)
        await signs_in(world, Authenticator(world.origin, handle=b"off_01JD0000000000000000000000"))
    assert await rows() == before


async def test_the_password_alone_signs_nobody_in_any_more(world: World) -> None:
    """It needs a recovery code, once; the officer's other sessions end. Removing the last passkey takes that back."""
    officer, other = await world.officer(), await world.officer()
    device, codes = await enrolled(world, officer)
    assert (await other.get("/v1/services")).status_code == 401
    assert (await officer.get("/v1/services")).status_code == 200
    for code in (None, "", "000000"):
        assert _told(await _by_password(world, officer, code)) == (401, "BK-1002")
    assert (await _by_password(world, officer, codes[0])).status_code == 201
    assert _told(await _by_password(world, officer, codes[0])) == (401, "BK-1002")
    reasons = [reason for act, _way, reason in await _acts(world) if act == "sign_in"][-5:]
    assert reasons == ["second_factor_failed"] * 3 + [None, "second_factor_failed"]
    path = f"/v1/session/passkeys/{device.credential_id}/removal"
    alone = await officer.post(path, json={"password": PASSWORD})
    assert _told(alone) == (401, "BK-1002")
    gone = await officer.post(path, json={"password": PASSWORD, "code": codes[1]})
    assert gone.status_code == 204, gone.text
    assert (await _by_password(world, officer)).status_code == 201


async def test_with_an_authenticator_beside_it(world: World) -> None:
    """Its code serves the password; an authenticator that is only begun does not, and takes no recovery code away."""
    officer = await world.officer()
    device, codes = await enrolled(world, officer)
    shown = {"passkey": device.get(await request_options(world))}
    begun = await officer.post("/v1/session/totp", json=shown)
    assert begun.status_code == 201, begun.text
    totp = pyotp.parse_uri(begun.json()["uri"])
    assert isinstance(totp, pyotp.TOTP)
    assert _told(await _by_password(world, officer, totp.now())) == (401, "BK-1002")
    assert (await _by_password(world, officer, codes[0])).status_code == 201
    done = await officer.post("/v1/session/totp/confirmation", json={"code": totp.now()})
    assert done.status_code == 200, done.text
    fresh = done.json()["recovery_codes"]
    assert _told(await _by_password(world, officer)) == (401, "BK-1002")
    assert _told(await _by_password(world, officer, codes[1])) == (401, "BK-1002")  # replaced
    assert (await _by_password(world, officer, fresh[0])).status_code == 201
    assert (await signs_in(world, device)).status_code == 201
    another = Authenticator(world.origin)
    shown = {"passkey": device.get(await request_options(world))}
    second = await keeps(officer, another.create(await creation_options(officer, **shown)))
    assert (second.status_code, second.json()["recovery_codes"]) == (201, [])


async def test_one_officers_list(world: World) -> None:
    officer, other = await world.officer(), await world.officer(name="lain")
    device, _ = await enrolled(world, officer)
    assert (await other.get("/v1/session/passkeys")).json() == {"passkeys": []}
    (row,) = (await officer.get("/v1/session/passkeys")).json()["passkeys"]
    assert set(row) == {"id", "name", "added_at"}
    assert (row["id"], row["name"]) == (device.credential_id, "Kunci loket")


async def test_a_removed_passkey_is_gone(world: World) -> None:
    """It signs nobody in, its id is never registered again, and its owner's other sessions end; only the owner removes it."""
    officer, other = await world.officer(), await world.officer(name="lain")
    device, _ = await enrolled(world, officer)
    path = f"/v1/session/passkeys/{device.credential_id}/removal"
    for stranger, credential in ((other, device.credential_id), (other, b64(bytes(32)))):
        answer = await stranger.post(
            f"/v1/session/passkeys/{credential}/removal", json={"password": PASSWORD}
        )
        assert _told(answer) == (404, "BK-1030")
    assert [entry[2] for entry in (await _acts(world))[-3::2]] == ["passkey_unknown"] * 2
    elsewhere = await signs_in(world, device)
    cookie = elsewhere.headers["set-cookie"].partition(";")[0]
    shown = {"passkey": device.get(await request_options(world))}
    assert (await officer.post(path, json=shown)).status_code == 204
    ended = await world.client.get("/v1/services", headers={"Cookie": cookie})
    assert _told(ended) == (401, "BK-1001")
    assert (await officer.get("/v1/session/passkeys")).json() == {"passkeys": []}
    assert _told(await signs_in(world, device)) == (401, "BK-1002")
    assert (await _acts(world))[-1] == ("sign_in", "passkey", "passkey_inactive")
    assert _told(await officer.post(path, json={"password": PASSWORD})) == (404, "BK-1030")
    back = await keeps(officer, device.create(await creation_options(officer)))
    assert _told(back) == (422, "BK-1029")
    assert (await _acts(world))[-1] == ("add_passkey", None, "passkey_exists")


async def test_a_lost_phone_takes_everything_away(world: World) -> None:
    """The operator's command ends passkeys, codes and sessions; then the password alone enrols anew."""
    officer, parts = await world.officer(), world.parts
    device, codes = await enrolled(world, officer)
    await run_officers.take_away_factor(
        parts.keyring, parts.appender, officer_id=await run_officers.id_of(parts.database, officer.username)
    )
    assert (await officer.get("/v1/services")).status_code == 401
    assert _told(await signs_in(world, device)) == (401, "BK-1002")
    assert (await _acts(world))[-1][2] == "passkey_inactive"
    again = await world.officer()
    _, fresh = await enrolled(world, again)
    assert not set(codes) & set(fresh)
    assert _told(await _by_password(world, again, codes[0])) == (401, "BK-1002")


@pytest.mark.parametrize("whom", ["officer", "agency"])
async def test_the_suspended_do_not_get_in(world: World, whom: str) -> None:
    officer, parts = await world.officer(), world.parts
    device, _ = await enrolled(world, officer)

    async def set_active(*, active: bool) -> None:
        if whom == "officer":
            officer_id = await run_officers.id_of(parts.database, officer.username)
            await run_officers.set_active(parts.keyring, parts.appender, officer_id=officer_id, active=active)
        else:
            await run_site.set_agency_active(
                parts.keyring, parts.appender, agency_id=officer.agency, active=active
            )

    await set_active(active=False)
    assert _told(await signs_in(world, device)) == (401, "BK-1002")
    assert (await _acts(world))[-1] == ("sign_in", "passkey", "sign_in_failed")
    await set_active(active=True)
    assert (await signs_in(world, device)).status_code == 201


async def test_a_locked_name_and_failures_that_lock_nobody(world: World) -> None:
    """A lock holds for every way in; a passkey's failures do not count toward it, and stop after ten a minute."""
    officer, parts = await world.officer(), world.parts
    device, codes = await enrolled(world, officer)
    parts.sign_ins._clock = lambda: 30.0
    told = [_told(await signs_in(world, device, flags=0)) for _ in range(12)]
    assert told == [(401, "BK-1002")] * 10 + [(429, "BK-1006")] * 2
    assert (await _by_password(world, officer, codes[0])).status_code == 201
    parts.sign_ins._clock = lambda: 90.0
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "INSERT INTO sign_in_tries SELECT id, 0, 1, clock_timestamp() + interval '1 hour' FROM officer "
            "WHERE username = $1", officer.username,
        )  # fmt: skip
    assert _told(await signs_in(world, device)) == (401, "BK-1002")
    assert (await _acts(world))[-1] == ("sign_in", "passkey", "sign_in_locked")
    await run_officers.unlock(
        parts.keyring, parts.appender, officer_id=await run_officers.id_of(parts.database, officer.username)
    )
    assert (await signs_in(world, device)).status_code == 201


async def test_one_that_never_counts(world: World) -> None:
    """Synchronised passkeys show zero for ever, which is no copy."""
    officer = await world.officer()
    device, _ = await enrolled(world, officer, count=None)
    assert [(await signs_in(world, device)).status_code for _ in range(3)] == [201] * 3


async def test_ten_and_no_more(world: World) -> None:
    officer = await world.officer()
    device, _ = await enrolled(world, officer)
    for number in range(1, PASSKEYS_OF_ONE_OFFICER + 1):
        shown = {"passkey": device.get(await request_options(world))}
        another = Authenticator(world.origin)
        answer = await keeps(officer, another.create(await creation_options(officer, **shown)))
        assert answer.status_code == (201 if number < PASSKEYS_OF_ONE_OFFICER else 422), number
    assert (await _acts(world))[-1] == ("add_passkey", None, "passkeys_full")
    assert len((await officer.get("/v1/session/passkeys")).json()["passkeys"]) == PASSKEYS_OF_ONE_OFFICER


async def test_on_every_replica(world: World) -> None:
    """A challenge of one is taken by the other, and one answer counts once on both together."""
    officer = await world.officer()
    device, _ = await enrolled(world, officer)
    answer = device.get(await request_options(world))
    async with at_work(world.parts.settings) as replica:

        async def on_the_other() -> int:
            try:
                await passkey_sign_in.sign_in(
                    replica.database, replica.keyring, replica.appender, replica.sign_ins,
                    relying_party(replica), sent=answer,
                )  # fmt: skip
            except AccessRefused:
                return 401
            return 201

        async def here() -> int:
            return (await shows(world, answer)).status_code

        told = await asyncio.gather(here(), on_the_other(), here(), on_the_other())
    assert sorted(told) == [201, 401, 401, 401]

"""What must not sign in and must not be registered: each refused over HTTP, told nobody why, with its reason in the ledger."""

from __future__ import annotations

import asyncio
import json
import random
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from auth.callers import session_of
from auth.challenges import CHALLENGE_LIFE_S, SIGN_IN, new_challenge, registration_of
from exchange import sessions
from exchange.deps import clock
from tests.authenticator import (
    AT,
    ED,
    ES256,
    RS256,
    UP,
    UV,
    Authenticator,
    b64,
    creation_options,
    enrolled,
    keeps,
    new_key,
    raw,
    request_options,
    shows,
    signs_in,
)
from tests.world import PASSWORD, OfficerAt, World

REAL_FLOORS = True

REFUSED = (401, "BK-1002")
UNFIT = (422, "BK-1029")


def _told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def _last(world: World) -> tuple[str, str | None]:
    entry = (await world.entries())[-1]
    return entry["act"], entry["result"].get("reason")


@pytest.fixture
async def officer(world: World) -> OfficerAt:
    return await world.officer()


TWISTS: dict[str, dict[str, Any]] = {
    "another origin": {"client": {"origin": "https://berkas.example"}},
    "a port more": {"client": {"origin": "http://127.0.0.1:1"}},
    "the origin's beginning": {"client": {"origin": "http://127.0.0.1"}},
    "another type": {"client": {"type": "webauthn.create"}},
    "a frame of another origin": {"client": {"crossOrigin": True}},
    "another host": {"rp_id": "berkas.example"},
    "nobody verified": {"flags": UP},
    "nobody present": {"flags": UV},
    "neither": {"flags": 0},
    "another key": {"key": new_key(ES256)},
    "another kind of key": {"key": new_key(RS256)},
    "another's handle": {"handle": b"off_01JD0000000000000000000000"},
    "bytes behind": {"behind": b"\x00"},
    "a key that is not there": {"flags": UP | UV | AT},
    "extensions that are not there": {"flags": UP | UV | ED},
}


@pytest.mark.parametrize("twist", TWISTS)
async def test_an_assertion_that_is_not_what_it_should_be(
    world: World, officer: OfficerAt, twist: str
) -> None:
    device, _ = await enrolled(world, officer)
    began_s = time.monotonic()
    answer = await signs_in(world, device, **TWISTS[twist])
    assert _told(answer) == REFUSED
    assert time.monotonic() - began_s >= sessions.REFUSED_AFTER_S
    assert await _last(world) == ("sign_in", "passkey_refused")
    shown = {"passkey": device.get(await request_options(world), **TWISTS[twist])}
    assert _told(await officer.post("/v1/session/passkeys/options", json=shown)) == REFUSED
    assert await _last(world) == ("reauthenticate", "passkey_refused")
    assert (await signs_in(world, device)).status_code == 201  # and nothing was spoilt


async def test_an_answer_counts_once(world: World, officer: OfficerAt) -> None:
    """Shown again, four times at once, and by a passkey that never counts. Wrong version: only the sign count is looked at."""
    device, _ = await enrolled(world, officer, count=None)
    answer = device.get(await request_options(world))
    told = await asyncio.gather(*(shows(world, answer) for _ in range(4)))
    assert sorted(one.status_code for one in told) == [201, 401, 401, 401]
    assert await _last(world) == ("sign_in", "passkey_replayed")
    assert _told(await officer.post("/v1/session/passkeys/options", json={"passkey": answer})) == REFUSED
    again = {"passkey": device.get(await request_options(world))}
    assert (await officer.post("/v1/session/passkeys/options", json=again)).status_code == 200
    assert _told(await shows(world, again["passkey"])) == REFUSED


async def test_a_sign_count_that_does_not_grow(world: World, officer: OfficerAt) -> None:
    """A copy of the authenticator. Once it has counted, zero is no way round it either."""
    device, _ = await enrolled(world, officer)
    assert (await signs_in(world, device, count=7)).status_code == 201
    for count in (7, 6, 0):
        assert _told(await signs_in(world, device, count=count)) == REFUSED
        assert await _last(world) == ("sign_in", "passkey_cloned")
    assert (await signs_in(world, device, count=8)).status_code == 201
    counts = [signs_in(world, device, count=9) for _ in range(3)]
    assert sorted(one.status_code for one in await asyncio.gather(*counts)) == [201, 401, 401]


async def test_challenges_of_another_purpose_time_and_maker(world: World, officer: OfficerAt) -> None:
    device, _ = await enrolled(world, officer)
    key = world.parts.keyring.site("one-time-code")
    session = session_of(officer.client.cookies["berkas"])
    genuine = raw((await request_options(world))["challenge"])
    later = int.from_bytes(genuine[16:24], "big") + 3600
    old = clock() - timedelta(seconds=CHALLENGE_LIFE_S + 1)
    shown = {
        "of a registration": new_challenge(key, registration_of(session), clock()),
        "made with another key": new_challenge(bytes(32), SIGN_IN, clock()),
        "with a later end": genuine[:16] + later.to_bytes(8, "big") + genuine[24:],
        "random": bytes(56),
        "short": genuine[:-1],
        "long": genuine + b"\x00",
        "empty": b"",
    }
    for what, challenge in shown.items():
        answer = device.get({"challenge": b64(challenge)})
        assert _told(await shows(world, answer)) == REFUSED, what
        assert await _last(world) == ("sign_in", "passkey_refused"), what
    expired = device.get({"challenge": b64(new_challenge(key, SIGN_IN, old))})
    assert _told(await shows(world, expired)) == REFUSED
    assert await _last(world) == ("sign_in", "passkey_replayed")
    assert (await shows(world, device.get({"challenge": b64(genuine)}))).status_code == 201


async def test_registration_into_another_session(world: World, officer: OfficerAt) -> None:
    """A challenge is good for the session it was given to, for registering, once and for five minutes. Nobody's password changes
    until one is kept."""
    other, elsewhere = await world.officer(name="lain"), await world.officer()
    key = world.parts.keyring.site("one-time-code")
    options = await creation_options(officer)
    session = session_of(officer.client.cookies["berkas"])
    old = clock() - timedelta(seconds=CHALLENGE_LIFE_S + 1)
    cases = [
        (other, options, "passkey_unfit"),
        (elsewhere, options, "passkey_unfit"),  # the same officer
        (officer, options | {"challenge": (await request_options(world))["challenge"]}, "passkey_unfit"),
        (officer, options | {"challenge": b64(bytes(56))}, "passkey_unfit"),
        (officer, options | {"challenge": b64(new_challenge(key, registration_of(session), old))}, "passkey_overdue"),
    ]  # fmt: skip
    for whose, given, reason in cases:
        answer = await keeps(whose, Authenticator(world.origin).create(given))
        assert (_told(answer), await _last(world)) == (UNFIT, ("add_passkey", reason))
    at_once = [keeps(officer, Authenticator(world.origin).create(options)) for _ in range(3)]
    told = sorted(answer.status_code for answer in await asyncio.gather(*at_once))
    assert (told, await _last(world)) == ([201, 422, 422], ("add_passkey", "passkey_overdue"))
    assert len((await officer.get("/v1/session/passkeys")).json()["passkeys"]) == 1
    assert (await other.get("/v1/session/passkeys")).json()["passkeys"] == []


async def test_an_id_that_somebody_has(world: World, officer: OfficerAt) -> None:
    """Registered by its owner again or by somebody else: refused, and the key stays what it was."""
    other = await world.officer(name="lain")
    device, _ = await enrolled(world, officer)
    thief = Authenticator(world.origin, id=device.id)
    answer = await keeps(other, thief.create(await creation_options(other)))
    assert (_told(answer), await _last(world)) == (UNFIT, ("add_passkey", "passkey_exists"))
    assert _told(await signs_in(world, thief)) == REFUSED
    assert (await signs_in(world, device)).status_code == 201
    shown = {"passkey": device.get(await request_options(world))}
    own = await keeps(officer, device.create(await creation_options(officer, **shown)))
    assert (_told(own), await _last(world)) == (UNFIT, ("add_passkey", "passkey_exists"))


async def test_only_the_owner_begins(world: World, officer: OfficerAt) -> None:
    """An open session is not enough, another officer's passkey does not help, and neither do both ways or none."""
    other = await world.officer(name="lain")
    device, _ = await enrolled(world, other)
    path = "/v1/session/passkeys/options"
    assert _told(await officer.post(path, json={"password": "guessed"})) == REFUSED
    for credential in (device, Authenticator(world.origin, handle=device.handle)):
        shown = {"passkey": credential.get(await request_options(world))}
        assert _told(await officer.post(path, json=shown)) == REFUSED
        entry = (await world.entries())[-1]
        assert (entry["act"], entry["way"], entry["result"]["allowed"]) == (
            "reauthenticate",
            "passkey",
            False,
        )
    for body in ({}, {"password": PASSWORD, **shown}, {"code": "123456"}):
        assert _told(await officer.post(path, json=body)) == (422, "BK-2001")
    without = await officer.client.post(path, json={"password": PASSWORD})
    assert _told(without) == (403, "BK-1005")


async def test_nothing_tells_who_has_a_passkey(world: World, officer: OfficerAt) -> None:
    """Unknown, removed, wrong, locked: the same text, and none earlier."""
    device, _ = await enrolled(world, officer)
    gone = Authenticator(world.origin, handle=device.handle)
    told = []
    for credential, twist in ((gone, {}), (device, {"flags": UP}), (device, {"count": 0})):
        began_s = time.monotonic()
        answer = await signs_in(world, credential, **twist)
        assert time.monotonic() - began_s >= sessions.REFUSED_AFTER_S
        told.append({name: value for name, value in answer.json().items() if name != "request_id"})
    assert told == [told[0]] * 3


def _mangled(rng: random.Random, sent: dict[str, Any]) -> Any:
    """One member of an honest body made into something else."""
    body = json.loads(json.dumps(sent))
    place = rng.choice([body, body["response"]])
    name = rng.choice(sorted(place))
    odd: list[Any] = [
        None, True, -1, 1e308, 10**400, "", "=", "a", "\x00", "\ud800", "é", "A" * 9_000, [], {}, [[]], {"id": 1},
        b64(rng.randbytes(rng.randrange(1, 200))), b64(b"\x9f" * 60), b64(b"\x81" * 2_000), b64(b"\xbf\xff"),
        b64(b"[" * 2_000), b64(b'{"type":'), b64(b'{"type": 1, "challenge": 2, "origin": 3}'),
    ]  # fmt: skip
    value = place[name]
    if isinstance(value, str) and rng.random() < 0.5:
        content = bytearray(raw(value) if name != "type" else value.encode())
        cut = rng.randrange(len(content) + 1)
        content[cut : cut + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        place[name] = b64(
            bytes(content[: rng.randrange(len(content) + 1)] if rng.random() < 0.3 else content)
        )
    elif rng.random() < 0.2:
        del place[name]
    else:
        place[name] = rng.choice(odd)
    return body


async def test_garbage_is_refused_and_never_our_mistake(
    world: World, officer: OfficerAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seeded; each body is one step from an honest one. No 5xx, and nobody gets in by it."""
    monkeypatch.setattr("exchange.sessions.REFUSED_AFTER_S", 0.0)
    ticks = iter(range(0, 10**9, 60))  # a new minute for each: it is not the limits that are tried here
    world.parts.sign_ins._clock = lambda: float(next(ticks))
    world.parts.appender._budget._clock = lambda: float(next(ticks))
    device, _ = await enrolled(world, officer)
    rng = random.Random(20261126)
    codes: dict[str, int] = {}
    for number in range(160):
        honest = device.get(await request_options(world))
        client, path, sent = world.client, "/v1/session/passkey", _mangled(rng, honest)
        if number % 2:
            made = Authenticator(world.origin).create(await creation_options(officer, passkey=honest))
            client, path = officer.client, "/v1/session/passkeys"
            sent = {"name": "x", "credential": _mangled(rng, made)}
        answer = await client.post(
            path,
            content=json.dumps(sent),
            headers={"Content-Type": "application/json", "X-CSRF-Token": officer.csrf},
        )
        if answer.status_code == 201:  # a member that is not looked at, or the same bytes again
            codes["in"] = codes.get("in", 0) + 1
            continue
        assert answer.status_code in {400, 401, 422}, (number, answer.status_code, sent)
        codes[answer.json()["code"]] = codes.get(answer.json()["code"], 0) + 1
    assert min(codes[code] for code in ("BK-1002", "BK-1029", "BK-2001")) > 10, codes
    assert codes["in"] < 40, codes


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff\xfe", b"[" * 60_000, b'{"id":' * 9_000, b'{"a":' + b"1" * 60_000 + b"}"],
    ids=["nothing", "null", "list", "number", "text", "cut", "no text", "deep", "deep objects", "huge number"],
)  # fmt: skip
async def test_bodies_that_are_no_objects(world: World, officer: OfficerAt, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/session/passkey", "/v1/session/passkeys", "/v1/session/passkeys/options"):
        answer = await officer.post(path, content=content, headers=headers)
        assert answer.status_code in {400, 422}, path
        assert answer.json()["code"] in {"BK-2001", "BK-9006"}
    long = await officer.post("/v1/session/passkey", content=b"{" + b" " * 70_000, headers=headers)
    assert _told(long) == (413, "BK-3005")


async def test_members_that_are_too_long_or_too_many(world: World, officer: OfficerAt) -> None:
    device, _ = await enrolled(world, officer)
    deep: Any = {}
    for _ in range(500):
        deep = {"a": deep}
    honest = device.get(await request_options(world)) | {"clientExtensionResults": deep, "later": [deep]}
    assert (await shows(world, honest)).status_code == 201  # what a later level adds is not looked at
    made = Authenticator(world.origin).create(
        await creation_options(officer, passkey=device.get(await request_options(world)))
    )
    for name in ("", "x" * 61, "baris\nbaru", "nul\x00"):
        assert _told(await keeps(officer, made, name)) == (422, "BK-2001")
    too_long = made | {"response": made["response"] | {"attestationObject": "A" * 8_193}}
    assert _told(await keeps(officer, too_long)) == (422, "BK-2001")
    path = "/v1/session/passkeys/%00/removal"
    assert _told(await officer.post(path, json={"password": PASSWORD})) == (422, "BK-2001")
    assert (await keeps(officer, made)).status_code == 201

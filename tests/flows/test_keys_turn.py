"""Signing keys turn while everybody works; a key that leaked ends at once (A15, A16, G16)."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from auth import key_life
from auth.keys import Purpose
from auth.tokens import ACCESS, TokenRefused
from auth.verdict import AccessRefused
from exchange.deps import clock
from exchange.flows import turn_keys
from exchange.wiring import at_work
from storage.errors import KeyMissing, OutcomeUnknown
from storage.ledger.checkpoint import CheckpointRefused, NoteSigner, NoteVerifier
from storage.ledger.verify import verify
from storage.signing_keys import SigningKeyRow
from tests.backend import Backend
from tests.world import JPEG, OTHER_NIK, World


async def _introduced(world: World, purpose: Purpose, overlap_s: float) -> SigningKeyRow:
    parts = world.parts
    overlap = timedelta(seconds=overlap_s)
    return await turn_keys.introduce(
        parts.keyring, parts.appender, purpose=purpose, overlap=overlap, now=clock()
    )


async def _retired(world: World, kid: str, *, revoked: bool = False) -> list[SigningKeyRow]:
    parts = world.parts
    return await turn_keys.retire(
        parts.database, parts.keyring, parts.appender, kid=kid, revoked=revoked, now=clock()
    )


async def _published(world: World, name: str = "jwks") -> dict[str, dict[str, Any]]:
    answer = await world.client.get(f"/.well-known/{name}.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    return {key["kid"]: key for key in answer.json()["keys"]}


async def _turned(world: World, kid: str, name: str = "jwks") -> None:
    for _ in range(60):
        if kid in await _published(world, name):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the replica did not look")


def _kid(token: str) -> str:
    return str(jws.extract_compact(token.encode()).headers()["kid"])


def _key(world: World, purpose: Purpose) -> str:
    return world.parts.desk.keys.signing_key(purpose, clock()).kid


async def test_nobody_notices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Officers and machines call without a pause through both steps: no refusal, and each key in its time."""
    officer, backend = await world.officer(), await Backend(world).registered(scopes=["tickets.issue"])
    consent, first = await world.consented(officer)
    old = {purpose: _key(world, purpose) for purpose in ("access", "document")}
    answers: list[httpx.Response] = []
    going = True

    async def work() -> None:
        while going:
            ticket = await backend.ticket(consent)
            answers.append(await backend.fetches(ticket))

    working = asyncio.create_task(work())
    fresh = {purpose: await _introduced(world, purpose, 4) for purpose in ("access", "document")}
    await _turned(world, fresh["document"].id)
    assert _kid(await backend.token(bound=True)) == old["access"]
    await asyncio.sleep((fresh["document"].active_from - clock()).total_seconds() + 0.2)
    before = len(answers)
    token = await backend.token(bound=True)
    ticket = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
    assert (_kid(token), _kid(ticket["ticket"])) == (fresh["access"].id, fresh["document"].id)
    # What the old key signed is good until it ends.
    receipt = (await world.fetches(officer, first)).headers["berkas-receipt"]
    monkeypatch.setattr(key_life, "SIGNED_LIFE", timedelta(0))
    for purpose in ("access", "document"):
        await _retired(world, old[purpose])
    await _turned(world, old["document"], "jwks-archive")
    await asyncio.sleep(0.5)
    going = False
    await working
    assert len(answers) > before
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers} == {JPEG}
    # For ever: the archive verifies what the old key signed, and its private half is nowhere.
    archived = (await _published(world, "jwks-archive")) | (await _published(world))
    for signed in (receipt, first["ticket"]):
        jws.deserialize_compact(signed.encode(), KeySet.import_key_set({"keys": list(archived.values())}))
    assert archived[old["document"]]["exp"] > archived[old["document"]]["nbf"]
    for purpose in ("access", "document"):
        with pytest.raises(KeyMissing):
            await world.parts.keyring.stored_secret(f"sign-{purpose}", old[purpose])
    mine = [entry for entry in await world.entries() if entry.get("purpose") == "access"]
    assert [(entry["type"], entry["act"]) for entry in mine] == [
        ("key", act) for act in ("introduce", "introduce", "retire")
    ]


async def test_a_key_that_leaked_ends_at_once(world: World) -> None:
    """A16, G16: tokens and tickets that it signed open nothing, here and on the other replica; the next ones are good."""
    officer, backend = await world.officer(), await Backend(world).registered(scopes=["tickets.issue"])
    consent, ticket = await world.consented(officer)
    token = await backend.token(bound=True)
    async with at_work(world.parts.settings) as replica:
        replica.desk.verify(ACCESS, token, clock())  # remembered there
        for purpose in ("access", "document"):
            leaked = _key(world, purpose)
            rows = await _retired(world, leaked, revoked=True)
            await _turned(
                world, next(row.id for row in rows if row.purpose == purpose and not row.retired_at)
            )
            assert "revoked" in (await _published(world, "jwks-archive"))[leaked]
            with pytest.raises(KeyMissing):
                await world.parts.keyring.stored_secret(f"sign-{purpose}", leaked)
        answer = await backend.calls("POST", "/v1/tickets", token, json={"consent_id": consent})
        assert (answer.status_code, answer.json()["code"]) == (401, "BK-1010")
        answer = await world.fetches(officer, ticket)
        assert (answer.status_code, answer.json()["code"]) == (401, "BK-4001")
        await asyncio.sleep(1.2)
        with pytest.raises(TokenRefused):
            replica.desk.verify(ACCESS, token, clock())
    assert (await backend.fetches(await backend.ticket(consent))).status_code == 200


async def test_a_leaked_key_that_another_follows(world: World) -> None:
    """The key that signs already goes on; no third one is made, and no secret of it is left."""
    old = _key(world, "access")
    fresh = await _introduced(world, "access", 0)
    rows = await _retired(world, old, revoked=True)
    assert {row.id: row.revoked for row in rows if row.purpose == "access"} == {old: True, fresh.id: False}
    async with world.parts.database.reading() as reading:
        kept = await reading.raw.fetch("SELECT kid FROM site_key WHERE purpose = 'sign-access'")
    assert [row["kid"] for row in kept] == [fresh.id]


async def test_a_key_that_both_replicas_adopt(world: World) -> None:
    """Seen failing: the replica that came second destroyed the private half that both had found."""
    keyring, parts = world.parts.keyring, world.parts
    from auth.keys import generate_signing_key, private_bytes

    stored = private_bytes(generate_signing_key("access", clock()))
    await keyring.site_secret("sign-access", turn_keys.ADOPTED, stored, clock())
    with pytest.raises(AccessRefused, match="key_waits"):
        await turn_keys.introduce(
            keyring, parts.appender, purpose="access", overlap=timedelta(0), now=clock(), first=True
        )
    assert await keyring.stored_secret("sign-access", turn_keys.ADOPTED) == stored


async def test_an_unknown_outcome_destroys_no_secret(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The act may still stand: with its secret gone no replica could start again. Seen failing for the key that was to follow."""

    async def lost(_work: object) -> None:
        raise OutcomeUnknown("the connection was lost during COMMIT")

    async def secrets() -> int:
        async with world.parts.database.reading() as reading:
            return int(await reading.raw.fetchval("SELECT count(*) FROM site_key"))

    before, only = await secrets(), _key(world, "document")
    with monkeypatch.context() as patch:
        patch.setattr(world.parts.appender, "submit", lost)
        with pytest.raises(OutcomeUnknown):
            await _retired(world, only, revoked=True)
        with pytest.raises(OutcomeUnknown):
            await _introduced(world, "document", 600)
    assert await secrets() == before + 2


async def test_what_cannot_be_done(world: World) -> None:
    """Each is on record, and nothing is lost: the keys are the same, and so are the secrets."""
    only = _key(world, "document")
    async with world.parts.database.reading() as reading:
        secrets = await reading.raw.fetchval("SELECT count(*) FROM site_key")
    with pytest.raises(AccessRefused, match="key_needed"):
        await _retired(world, only)
    with pytest.raises(AccessRefused, match="key_unknown"):
        await _retired(world, "nothing")
    waiting = await _introduced(world, "document", 600)
    with pytest.raises(AccessRefused, match="key_waits"):
        await _introduced(world, "document", 600)
    with pytest.raises(AccessRefused, match="key_needed"):  # the other one waits still
        await _retired(world, only)
    reasons = [entry["result"].get("reason") for entry in await world.entries() if entry["type"] == "key"]
    assert [reason for reason in reasons if reason] == ["key_needed", "key_waits", "key_needed"]
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM site_key") == secrets + 1
    assert await world.parts.keyring.stored_secret("sign-document", waiting.id)
    assert _key(world, "document") == only


async def test_the_ledgers_key_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sign while one takes the place of the other, so that whoever pinned either can go on; what the old one signed alone can be
    checked for ever with the list of all of them."""
    officer, parts = await world.officer(), world.parts
    old = parts.publisher.vkey
    await world.enrols(officer)
    await parts.publisher.sign_head()
    first = (await world.client.get("/log/checkpoint")).text
    row = await turn_keys.introduce(
        parts.keyring, parts.appender, purpose=turn_keys.LEDGER, overlap=timedelta(0), now=clock()
    )
    await _signs_with(world, 2)
    fresh = parts.publisher.vkey
    assert fresh != old
    await world.enrols(officer, OTHER_NIK, None)
    await parts.publisher.sign_head()
    both = (await world.client.get("/log/checkpoint")).text
    assert NoteVerifier(old).open(both) == NoteVerifier(fresh).open(both)
    assert (await world.client.get("/log/vkeys")).text.split() == [old, fresh]
    monkeypatch.setattr(key_life, "SIGNED_LIFE", timedelta(0))
    kid = (await turn_keys.known_log_vkeys(parts.database))[old]
    await _retired(world, kid)
    await _signs_with(world, 1)
    await world.officer(name="lain")
    await parts.publisher.sign_head()
    alone = (await world.client.get("/log/checkpoint")).text
    assert NoteVerifier(fresh).open(alone).size > NoteVerifier(fresh).open(both).size
    for verifier, note in ((NoteVerifier(old), alone), (NoteVerifier(fresh), first)):
        with pytest.raises(CheckpointRefused):
            verifier.open(note)
    assert (await verify(parts.database, vkeys=[old, fresh], keyring=parts.keyring)).problems == []
    assert (await verify(parts.database, vkeys=[fresh])).problems  # its first checkpoints are not of this key
    acts = [(entry["act"], entry["purpose"]) for entry in await world.entries() if entry["type"] == "key"][
        -2:
    ]
    assert acts == [("introduce", "ledger"), ("retire", "ledger")]
    with pytest.raises(KeyMissing):
        await parts.keyring.stored_secret("sign-ledger", "first")
    assert row.id not in await _published(world)  # it signs no token


async def test_the_key_of_an_older_log_is_adopted(world: World) -> None:
    """A log that was signed before keys had a life keeps its key."""
    parts, seed = world.parts, bytes(range(32))
    await parts.keyring.site_secret("log-seed", "log-seed", seed, clock())
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute("DELETE FROM signing_key WHERE purpose = 'ledger'")
        await transaction.raw.execute("DELETE FROM site_key WHERE purpose = 'sign-ledger'")
    async with at_work(parts.settings) as replica:
        assert replica.publisher.vkey == NoteSigner(parts.log_origin, seed).vkey()


async def _signs_with(world: World, keys: int) -> None:
    for _ in range(60):
        if len(world.parts.publisher._signers) == keys:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the replica did not look")


async def test_the_ledgers_key_is_no_token_key(world: World) -> None:
    """A57: another kind of key under another secret, in no key set that clients read; who takes all keys that sign tokens and receipts signs no
    checkpoint, and a turned token key leaves the ledger's alone. Wrong version: one key for what we sign."""
    parts = world.parts
    vkey = parts.publisher.vkey
    public = base64.b64decode(vkey.rpartition("+")[2])[1:]
    jwks = (await world.client.get("/.well-known/jwks.json")).json()["keys"]
    assert jwks
    assert {(key["kty"], key["crv"]) for key in jwks} == {("EC", "P-256")}
    assert base64.urlsafe_b64encode(public).decode().rstrip("=") not in json.dumps(jwks)
    async with parts.database.reading() as reading:
        rows = await reading.raw.fetch("SELECT purpose, wrapped FROM site_key WHERE purpose <> kid")
    by_purpose = {row["purpose"]: row["wrapped"] for row in rows}
    assert len(by_purpose) == len(set(by_purpose.values())) >= 3
    note = (await world.client.get("/log/checkpoint")).text
    head = NoteVerifier(vkey).open(note)
    for row in await turn_keys.listed(parts.database):
        if row.purpose != turn_keys.LEDGER:
            stolen = await parts.keyring.stored_secret(turn_keys._secret(row.purpose), row.label)
            forged = NoteSigner(parts.log_origin, stolen[-32:]).sign(head.size, head.root)
            with pytest.raises(CheckpointRefused):
                NoteVerifier(vkey).open(forged)

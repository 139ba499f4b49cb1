"""The record of a decision: complete, signed, chained, described, and still to be checked when its key signs no more."""

from __future__ import annotations

import asyncio
import hashlib
import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from auth import key_life
from exchange import revisions as kept
from exchange.deps import clock
from exchange.flows import turn_keys
from exchange.pages.wording import day_words
from exchange.records import factor_sha256
from tests.record_schema import SCHEMA, VALIDATOR, misfits
from tests.world import NAME, NIK, PHONE, OfficerAt, World, csrf_of, path_of, running_world

TERMS = (
    "pii_principal_id", "granted_by", "controller", "recipient", "lawful_basis", "legal_reference", "jurisdiction", "notice", "purpose",
    "items", "validity", "retention_at_recipient", "withdrawal", "authn", "assist", "request_sha256",
)  # fmt: skip


async def given(world: World, officer: OfficerAt, keys: list[str] | None = None) -> str:
    """The id of a fresh consent (None: everything ticked)."""
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    asked = await world.asks(officer, subject, application_no="NIB-2026-00412")
    await world.allows(asked["link"], keys)
    row = await _row(world, "SELECT consent_id FROM consent_request WHERE id = $1", asked["id"])
    return str(row["consent_id"])


async def revisions(world: World, consent: str) -> list[str]:
    """As they are kept, oldest first."""
    row = await _row(world, "SELECT * FROM consent WHERE id = $1", consent)
    sealed = await world.parts.keyring.unseal(row["subject_ref"], "consent", row["record"])
    return sealed.decode().split("\n")


async def _row(world: World, question: str, *values: Any) -> Any:
    async with world.parts.database.transaction() as transaction:
        return await transaction.raw.fetchrow(question, *values)


async def _published(world: World, name: str) -> list[dict[str, Any]]:
    return list((await world.client.get(f"/.well-known/{name}.json")).json()["keys"])


def verified(record: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """By a library that we did not write and did not sign with. Raises ``JoseError`` or ``ValueError``."""
    known = KeySet.import_key_set(
        {"keys": [{k: v for k, v in key.items() if k != "revoked"} for key in keys]}
    )
    found = jws.deserialize_compact(record, known)
    assert found.headers()["typ"] == "berkas-consent+jwt"
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


async def test_the_first_revision_says_everything(world: World) -> None:
    """M14, M15, L06, L11: who, what, why, until when, how often, how long it is kept, what was read, and how it was proved."""
    officer = await world.officer()
    consent = await given(world, officer)
    [record] = await revisions(world, consent)
    claims = verified(record, await _published(world, "jwks"))
    row = await _row(world, "SELECT * FROM consent WHERE id = $1", consent)
    asked = await _row(world, "SELECT * FROM consent_request WHERE id = $1", row["request_id"])
    proof = await _row(world, "SELECT * FROM challenge WHERE target_id = $1", row["request_id"])
    principal = world.parts.keyring.pseudonym("DPMPTSP@6472", row["subject_ref"])
    assert claims["record_id"] == claims["jti"] == consent
    assert (claims["revision"], claims["prev_revision_sha256"]) == (1, None)
    assert claims["iss"] == world.origin
    assert claims["pii_principal_id"] == claims["granted_by"]["id"] == principal
    assert claims["recipient"] == {"id": "DPMPTSP@6472", "name": "DPMPTSP Kota Samarinda"}
    assert claims["controller"]["id"] == "6472"
    assert claims["purpose"]["application_no"] == "NIB-2026-00412"
    assert claims["items"][0] == {
        "document_type": "KTP", "mode": "document", "decision": "granted", "versions": "latest_at_release"
    }  # fmt: skip
    assert claims["validity"]["fetch"] == "PERIODIC"
    assert claims["validity"]["max_releases"] is None
    assert claims["validity"]["exp"] == int(row["valid_until"].timestamp())
    assert claims["retention_at_recipient"] == {
        "unit": "DAY", "value": None, "basis": "jadwal retensi arsip penerima"
    }  # fmt: skip
    assert claims["withdrawal"]["uri"] == f"{world.origin}/w/"
    assert claims["request_sha256"] == asked["request_sha256"]
    assert claims["authn"]["at"] == int(proof["verified_at"].timestamp())
    # Whoever audits makes the transcript again, from the row and by the documentation.
    steps = {
        "method": "otp_registered", "challenge": proof["id"], "channel": "whatsapp", "sent_at": proof["sent_at"].isoformat(),
        "target": row["request_id"], "verified_at": proof["verified_at"].isoformat(), "wrong_tries": 0,
    }  # fmt: skip
    canonical = json.dumps(steps, sort_keys=True, separators=(",", ":")).encode()
    assert claims["authn"]["transcript_sha256"] == hashlib.sha256(canonical).hexdigest()
    assert row["record_sha256"] == hashlib.sha256(record.encode()).hexdigest()
    for secret in (NIK, NAME, PHONE, row["subject_ref"]):
        assert secret not in json.dumps(claims)


async def test_the_transcript_counts_wrong_tries(world: World) -> None:
    """M15: another way to the same decision is another transcript."""
    officer = await world.officer()
    [record] = await revisions(world, await given(world, officer))
    row = await _row(world, "SELECT * FROM challenge LIMIT 1")
    from storage.consents import Challenge

    proof = Challenge(**dict(row))
    assert factor_sha256(proof) == kept.claims_of(record)["authn"]["transcript_sha256"]
    later = proof.sent_at + timedelta(microseconds=1)
    for changed in ({"tries": 1}, {"channel": "sms"}, {"sent_at": later}, {"verified_at": later}):
        other = Challenge(**{**dict(row), **changed})
        assert factor_sha256(other) != factor_sha256(proof)


async def test_a_withdrawal_repeats_what_was_agreed(world: World) -> None:
    """M14, M16: one file can be judged alone, and names the one before."""
    officer = await world.officer()
    consent = await given(world, officer)
    await officer.post(f"/v1/consents/{consent}/withdrawal")
    first, second = await revisions(world, consent)
    keys = await _published(world, "jwks")
    given_, withdrawn = verified(first, keys), verified(second, keys)
    assert {name: withdrawn[name] for name in TERMS} == {name: given_[name] for name in TERMS}
    assert withdrawn["prev_revision_sha256"] == hashlib.sha256(first.encode()).hexdigest()
    assert (withdrawn["revision"], withdrawn["event"]["type"]) == (2, "withdrawn")
    assert withdrawn["jti"] == f"{consent}-2"
    assert given_["event"]["time"] <= withdrawn["event"]["time"] == withdrawn["iat"]
    row = await _row(world, "SELECT record_sha256, epoch FROM consent WHERE id = $1", consent)
    assert tuple(row) == (hashlib.sha256(second.encode()).hexdigest(), 2)


async def test_a_refusal_is_a_record_too(world: World) -> None:
    """L11: also a "no" can be proved, and what was not shared is told without telling why."""
    officer = await world.officer()
    [record] = await revisions(world, await given(world, officer, []))
    claims = kept.claims_of(record)
    assert claims["event"]["type"] == "refused"
    assert {item["decision"] for item in claims["items"]} == {"refused"}


async def test_the_page_and_the_record_say_the_same_retention(
    tmp_path: Path, database_url: str, store: Any, bucket_name: str
) -> None:
    """L06 d, M14: what the site's agencies promised is told before the decision, recorded, and on the receipt."""
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, retention_days=90
    ) as world:
        officer = await world.officer()
        subject = await world.enrols(officer)
        await world.stores(officer, subject)
        asked = await world.asks(officer, subject)
        browser = world.browser()
        page = await world.proves(browser, asked["link"])
        row = await _row(world, "SELECT valid_until FROM consent_request WHERE id = $1", asked["id"])
        last_day = (row["valid_until"] + timedelta(days=90)).astimezone(ZoneInfo("Asia/Makassar")).date()
        assert f"Salinan dihapus paling lambat {day_words(last_day)}." in page.text
        form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
        assert (await browser.post(path_of(asked["link"]), data=form)).status_code == 200
        consent = (await _row(world, "SELECT id FROM consent"))["id"]
        [record] = await revisions(world, consent)
        assert kept.claims_of(record)["retention_at_recipient"] == {
            "unit": "DAY", "value": 90, "basis": "hari sejak persetujuan berakhir"
        }  # fmt: skip


async def test_a_record_outlives_its_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """L11, A15: five years later the key signs no more; the archive has it with its time, and another library verifies."""
    monkeypatch.setattr(key_life, "SIGNED_LIFE", timedelta(0))
    officer = await world.officer()
    consent = await given(world, officer)
    [record] = await revisions(world, consent)
    parts, kid = world.parts, kept.kid_of(record)
    await turn_keys.introduce(
        parts.keyring, parts.appender, purpose="document", overlap=timedelta(0), now=clock()
    )
    await asyncio.sleep(1.1)  # keys begin at a whole second
    await turn_keys.retire(parts.database, parts.keyring, parts.appender, kid=kid, revoked=False, now=clock())
    for _ in range(60):
        if kid in [key["kid"] for key in await _published(world, "jwks-archive")]:
            break
        await asyncio.sleep(0.05)
    archive = await _published(world, "jwks-archive")
    [old] = [key for key in archive if key["kid"] == kid]
    claims = verified(record, archive)
    assert old["nbf"] <= claims["iat"] <= old["exp"]
    with pytest.raises((JoseError, ValueError)):
        verified(record, await _published(world, "jwks"))
    # The next revision is signed with the key of today, over the record of the old one.
    await officer.post(f"/v1/consents/{consent}/withdrawal")
    _, second = await revisions(world, consent)
    assert kept.kid_of(second) != kid
    assert verified(second, await _published(world, "jwks"))["prev_revision_sha256"] == kept.sha256_of(record)


async def test_a_withdrawal_does_not_wait_for_a_key_that_leaked(world: World) -> None:
    """M16, A16: the record of before was signed with a key that does not count any more; taking it back works all the same."""
    officer = await world.officer()
    consent = await given(world, officer)
    parts = world.parts
    [record] = await revisions(world, consent)
    await turn_keys.retire(
        parts.database, parts.keyring, parts.appender, kid=kept.kid_of(record), revoked=True, now=clock()
    )
    for _ in range(60):
        if kept.kid_of(record) not in parts.desk.keys.verification_keys("document"):
            break
        await asyncio.sleep(0.05)
    answer = await officer.post(f"/v1/consents/{consent}/withdrawal")
    assert answer.status_code == 200
    assert len(await revisions(world, consent)) == 2


async def test_a_withdrawal_at_a_new_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """M16: the deployment moved to another origin since; today's vouches for the revision, the terms stay as they were."""
    officer = await world.officer()
    consent = await given(world, officer)
    monkeypatch.setattr(world.parts.desk, "_issuer", "https://moved.example")
    assert (await officer.post(f"/v1/consents/{consent}/withdrawal")).status_code == 200
    first, second = (kept.claims_of(record) for record in await revisions(world, consent))
    assert (first["iss"], second["iss"]) == (world.origin, "https://moved.example")
    assert second["withdrawal"] == first["withdrawal"]


async def test_the_schema_is_public_and_holds(world: World) -> None:
    """M14: JSON Schema 2020-12 at a public address; the suite holds every record that any test makes against it."""
    answer = await world.client.get("/schemas/berkas-consent-1.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.json() == SCHEMA
    VALIDATOR.check_schema(SCHEMA)
    [record] = await revisions(world, await given(world, await world.officer()))
    claims = kept.claims_of(record)
    assert misfits(claims) == []
    for name in claims:  # every member is needed, none may be added
        assert misfits({key: value for key, value in claims.items() if key != name}), name
    assert misfits({**claims, "nik": NIK})


WRONG: dict[str, Any] = {
    "lawful_basis": "because", "schema": "berkas-consent/2", "revision": 0, "prev_revision_sha256": "0" * 64, "iat": 1.5,
    "jti": "c_1", "items": [], "items/0/decision": "maybe", "items/0/nik": NIK, "validity/exp": None, "validity/fetch": "OFTEN",
    "retention_at_recipient/value": 0, "retention_at_recipient/unit": "YEAR", "event/type": "withdrawn", "event/time": True,
    "withdrawal/uri": "https://berkas.example/w/" + "a" * 45, "notice/sha256": "x", "pii_principal_id": NIK,
    "granted_by/relation": "neighbour", "authn/transcript_sha256": None, "recipient/name": "", "controller/nik": NIK,
    "purpose/code": "", "request_sha256": None, "assist": "yes", "jurisdiction": "NL", "iss": "https://berkas.example/x",
}  # fmt: skip


async def test_what_the_schema_refuses(world: World) -> None:
    """M14: each wrong value is found, and found where it stands."""
    [record] = await revisions(world, await given(world, await world.officer()))
    for path, value in WRONG.items():
        claims = deepcopy(kept.claims_of(record))
        *above, last = path.split("/")
        place: Any = claims
        for step in above:
            place = place[int(step)] if step.isdigit() else place[step]
        place[last] = value
        found = misfits(claims)
        near = f"/{path}" if last != "nik" else f"/{'/'.join(above)}"
        assert [one for one in found if one.startswith(near)], (path, found)

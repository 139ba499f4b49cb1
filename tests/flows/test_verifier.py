"""What the service gives people, judged by the verifier as they would: each bundle and export alone, then against the live log (N03)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from exchange.deps import clock
from exchange.flows import turn_keys
from storage.ledger.checkpoint import NoteVerifier
from storage.ledger.verify import verify
from storage.ledger.verify.export import judge
from storage.ledger.verify.files import Files, alone
from storage.ledger.verify.findings import Findings
from storage.ledger.verify.key_use import Use, reconcile, trails_of
from storage.ledger.verify.shown import Held
from storage.ledger.verify.tiles import LiveLog, verify_live
from tests.flows.copying import receipt_of
from tests.flows.proving import number_of, signed_now
from tests.flows.test_rights import phone_of
from tests.world import World


def _kept(folder: Path, name: str, answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text[:300]
    (folder / f"{name}.zip").write_bytes(answer.content)


def _live(url: str, vkeys: list[str], held: Held) -> Findings:
    log = LiveLog(url)
    try:
        return verify_live(log, vkeys=vkeys, held=held)
    finally:
        log.close()


async def test_everything_that_is_given_is_whole(world: World, tmp_path: Path) -> None:
    """A recipient's bundles and the citizen's, opened and not; all own entries; over the public tiles and in the database with its bodies."""
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    fetched = await world.fetches(officer, ticket)
    receipt = receipt_of(fetched)
    phone = await phone_of(world)
    assert (await officer.post(f"/v1/consents/{consent}/withdrawal")).status_code == 200
    await signed_now(world)
    _kept(tmp_path, "received", await officer.get(f"/v1/receipts/{number_of(fetched)}/bundle"))
    _kept(tmp_path, "asked", await officer.get(f"/v1/consents/{consent}/bundle"))
    _kept(tmp_path, "own", await phone.reads(f"/bukti/{receipt['log']['index']}.zip", at=""))
    _kept(tmp_path, "own-consent", await phone.reads(f"/receipts/{consent}.zip", at=""))
    _kept(tmp_path, "everything", await phone.posts("export", format="zip"))
    await signed_now(world)
    vkeys = list(await turn_keys.known_log_vkeys(world.parts.database))
    verifiers = [NoteVerifier(vkey) for vkey in vkeys]
    findings, held = Findings(), Held()
    judge(Files(verifiers, findings, held), tmp_path)
    alone(findings, verifiers, None, held)
    assert findings.problems == []
    assert findings.receipts == 2 + 2 * 4  # a delivery twice; two revisions and their receipts, twice
    assert findings.proofs > 10
    live = await asyncio.to_thread(_live, world.origin, vkeys, held)
    assert (live.problems, live.covered > receipt["log"]["index"]) == ([], True)
    parts = world.parts
    whole = await verify(parts.database, vkeys=vkeys, keyring=parts.keyring, held=held)
    assert whole.problems == []
    assert whole.bodies_opened == whole.size


async def test_keys_are_used_around_entries(world: World) -> None:
    """``protocols.md`` 6.3, from the rows: whoever has just acted explains a use, and nobody explains one of an hour ago."""
    officer = await world.officer()
    await world.consented(officer)
    async with world.parts.database.reading() as reading:
        subject = await reading.raw.fetchval("SELECT id FROM citizen_key")
    now_s, value = clock().timestamp(), "hmac-sha256:a"
    for at_s, expected in ((now_s, 0), (now_s - 3_600, 1)):
        findings = Findings()
        uses = [Use(at_s, value, "1")]
        reconcile(uses, await trails_of(world.parts.database, uses), {value: subject}, findings)
        assert len(findings.problems) == expected

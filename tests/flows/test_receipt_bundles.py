"""The proof of a delivery, to take along: made from the ledger, checked by programs that are not ours, for its recipient only (M34)."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from auth.scopes import SCOPES
from exchange.copies import Copies, CopyFailed
from exchange.deps import clock
from exchange.flows import prove_entry, run_site, tidy_up, turn_keys
from exchange.routes import bundles
from storage.ids import new_id
from tests.backend import Backend
from tests.flows.copying import claims_of, leaves, problem_of, receipt_of
from tests.flows.packing import AGENCY, folder, listed
from tests.flows.proving import claims_under, number_of, proven, shell, signed_now, unpacked
from tests.renditions.samples import picture_jpeg
from tests.world import JPEG, NIK, OTHER_NIK, PDF, OfficerAt, World

RECEIPT = "berkas-delivery-receipt+jwt"
FILES = [
    "README", "receipt.jws", "receipt.tlog-proof", "entry", "document.sha256", "outcome.tlog-proof", "outcome-entry",
    "jwks-archive.json", "log-vkeys",
]  # fmt: skip


def _address(number: str) -> str:
    return f"/v1/receipts/{number}/bundle"


async def _items(world: World, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """(number as a receipt's, event) of every entry of this kind, oldest first."""
    async with world.parts.database.reading() as reading:
        ids = await reading.raw.fetch("SELECT item_id FROM audit_event ORDER BY idx")
    entries = zip((f"r_{row['item_id'][2:]}" for row in ids), await world.entries(), strict=True)
    return [(number, event) for number, event in entries if event["type"] == kind]


async def test_what_the_recipient_takes_along(world: World, tmp_path: Path) -> None:
    """M34: the three commands of its README and joserfc agree; and nothing is opened that is the citizen's (D10). Seen failing: ``extra`` held
    salt and event, with the name in the log that every agency would have been given, and the count of all that was ever done.
    """
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    fetched = await world.fetches(officer, ticket)
    given, number = receipt_of(fetched), number_of(fetched)
    assert given["jti"] == number
    await signed_now(world)
    before = await world.size()
    answer = await officer.get(_address(number))
    assert await world.size() == before  # it opens nothing: no entry
    assert answer.headers["content-disposition"] == f'attachment; filename="berkas-{number}.zip"'
    files = unpacked(answer, tmp_path)
    assert list(files) == FILES
    told = claims_under(files, "receipt.jws", RECEIPT)
    released, ended = [event for event in await world.entries() if event["type"] in {"release", "outcome"}]
    outcome = told.pop("outcome")
    assert told | {"iat": 0} == given | {"iat": 0}
    assert told["iat"] >= given["iat"]
    assert (outcome["result"], outcome["bytes"]) == ("sent", len(JPEG))
    assert ended["release"] == told["log"]["index"]

    name = fetched.headers["content-disposition"].partition('filename="')[2].rstrip('"')
    (tmp_path / name).write_bytes(fetched.content)
    assert shell(tmp_path, "sha256sum -c document.sha256") == f"{name}:"
    (tmp_path / name).write_bytes(fetched.content + b"x")
    with pytest.raises(subprocess.CalledProcessError):
        shell(tmp_path, "sha256sum -c document.sha256")
    assert shell(tmp_path, r"(printf '\0'; cat entry) | sha256sum") == told["log"]["leaf_sha256"]
    for proof, entry, place in (
        ("receipt.tlog-proof", "entry", told["log"]),
        ("outcome.tlog-proof", "outcome-entry", outcome["log"]),
    ):
        index, leaf, extra = proven(files, proof)
        assert (index, leaf.hex()) == (place["index"], place["leaf_sha256"])
        assert extra == files[entry]
        assert place["origin"] == files["log-vkeys"].decode().partition("+")[0]
    everything = b"".join(files.values())
    assert released["subject"].encode() not in everything
    assert b"subject_seq" not in everything
    assert fetched.content not in everything
    readme = files["README"].decode()
    assert "BUKTI PENERIMAAN" in readme
    assert "PROOF OF A DELIVERY" in readme
    assert readme.count(told["log"]["leaf_sha256"]) == readme.count(name) == 2


async def test_not_before_a_checkpoint_covers_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """202 with ``Retry-After``. Seen failing against the newest checkpoint there is, whatever its size: no path leads to an entry behind it."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    await world.parts.publisher.sign_head()
    with monkeypatch.context() as nothing_signed:
        nothing_signed.setattr(world.parts.publisher, "sign_head", AsyncMock())
        number = number_of(await world.fetches(officer, ticket))
        await world.outcomes()
        waiting = await officer.get(_address(number))
        assert (waiting.status_code, waiting.headers["retry-after"]) == (202, str(bundles.RETRY_AFTER_S))
        assert waiting.json() == {"state": "pending"}
    await world.parts.publisher.sign_head()
    assert (await officer.get(_address(number))).status_code == 200


async def test_a_delivery_whose_process_died(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """F18: it runs, then nobody knows how it ended; the receipt says so."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    monkeypatch.setattr(world.parts.appender, "leave", lambda _work: None)
    number = number_of(await world.fetches(officer, ticket))
    await world.parts.publisher.sign_head()
    assert (await officer.get(_address(number))).status_code == 202
    monkeypatch.setattr(prove_entry, "OUTCOME_WITHIN", timedelta(0))  # it was so long ago
    without = unpacked(await officer.get(_address(number)), tmp_path)
    assert "outcome" not in claims_under(without, "receipt.jws", RECEIPT)
    assert "outcome.tlog-proof" not in without
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE ticket_use SET due_at = released_at")
    assert await tidy_up.close_abandoned(world.parts.database, world.parts.keyring, world.parts.appender) == 1
    await world.parts.publisher.sign_head()
    files = unpacked(await officer.get(_address(number)), tmp_path)
    told = claims_under(files, "receipt.jws", RECEIPT)
    assert told["outcome"]["result"] == "unknown"
    assert "bytes" not in told["outcome"]
    assert told["doc"]["served_sha256"] == ticket["documents"][0]["sha256"]


async def test_one_404_for_everybody_else(world: World) -> None:
    """A33, A35: another agency's officer and machine, a number of nobody, of another kind of act and of a refused fetch: one answer, and an entry
    that tells them apart. Seen failing without the look at what the entry is: a ticket's item has an agency too.
    """
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    number = number_of(await world.fetches(officer, ticket))
    assert (await world.fetches(officer, ticket)).status_code == 409
    await signed_now(world)
    _, released = (await _items(world, "release"))[0]
    refused, _ = (await _items(world, "redelivery"))[0]
    of_ticket, _ = (await _items(world, "ticket"))[0]
    theirs = await world.officer("POLRI")
    machine = await Backend(world, "polri-skck").registered("POLRI@6472", scopes=list(SCOPES))
    before = await world.size()
    answers = [
        await theirs.get(_address(number)),
        await machine.calls("GET", _address(number)),
        await theirs.get(_address(f"r_{new_id('i')[2:]}")),
        await officer.get(_address(of_ticket)),
        await officer.get(_address(refused)),
    ]
    assert {problem_of(answer) for answer in answers} == {(404, "BK-4051")}
    told = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer in answers]
    assert told == [told[0]] * len(told)
    entries = (await world.entries())[before:]
    assert [(entry["type"], entry["act"], entry["result"]["reason"]) for entry in entries] == [
        *[("release", "proof", "receipt_of_another_agency")] * 2,
        *[("release", "proof", "receipt_unknown")] * 3,
    ]
    assert [entry["subject"] == released["subject"] for entry in entries] == [True, True, False, False, False]
    for malformed in ("r_1", "r_%00", f"i_{number[2:]}", number.lower(), f"{number}x"):
        assert (await officer.get(_address(malformed))).status_code in {404, 422}
    assert (await world.client.get(_address(number))).status_code == 401
    await officer.delete("/v1/session")
    assert problem_of(await officer.get(_address(number))) == (401, "BK-1001")


async def test_a_suspended_agency_gets_none(world: World) -> None:
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    number = number_of(await world.fetches(officer, ticket))
    await signed_now(world)
    parts = world.parts
    await run_site.set_agency_active(parts.keyring, parts.appender, agency_id="DPMPTSP@6472", active=False)
    assert problem_of(await officer.get(_address(number))) == (403, "BK-1004")


async def test_by_machine_and_no_further_than_its_token(world: World, tmp_path: Path) -> None:
    """RFC 9396: a token for another consent proves nothing of this one."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    other, _ = await world.consented(officer, OTHER_NIK, PDF)
    backend = await Backend(world).registered(scopes=list(SCOPES))
    number = number_of(await backend.fetches(await backend.ticket(consent)))
    await signed_now(world)
    files = unpacked(await backend.calls("GET", _address(number)), tmp_path)
    assert claims_under(files, "receipt.jws", RECEIPT)["act"] == f"client:{backend.client_id}"
    proven(files, "receipt.tlog-proof")
    assert (
        await officer.get(_address(number))
    ).status_code == 200  # a colleague at the counter of the same agency
    for one, status in ((other, 404), (consent, 200)):
        details = json.dumps([{"type": "berkas_document_access", "consent_id": one}])
        token = await backend.token(bound=True, scope="tickets.issue", authorization_details=details)
        answer = await backend.calls("GET", _address(number), token)
        assert answer.status_code == status
    assert [e["result"]["reason"] for e in await world.entries() if e.get("act") == "proof"] == [
        "receipt_not_in_token"
    ]


async def test_a_delivery_that_was_repeated_has_two(world: World, tmp_path: Path) -> None:
    """Each attempt its own number, entry and end. Seen failing with the first outcome of the same ticket for both."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    document = ticket["documents"][0]
    bearer = {"Authorization": f"Bearer {ticket['ticket']}"}
    part = await officer.get(document["content_url"], headers=bearer | {"Range": "bytes=0-99"})
    assert part.status_code == 206
    await world.outcomes()
    whole = await world.fetches(officer, ticket)
    assert whole.status_code == 200
    await signed_now(world)
    told = []
    for answer in (part, whole):
        files = unpacked(await officer.get(_address(number_of(answer))), tmp_path)
        told.append(claims_under(files, "receipt.jws", RECEIPT))
        assert proven(files, "receipt.tlog-proof")[0] == receipt_of(answer)["log"]["index"]
    assert [one["outcome"]["bytes"] for one in told] == [100, len(JPEG)]
    assert len({one["jti"] for one in told}) == 2
    assert told[0]["doc"] == told[1]["doc"]


async def test_every_receipt_of_a_package(world: World, tmp_path: Path) -> None:
    """M27."""
    papers = await folder(world, {"KTP": JPEG, "KK": PDF})
    files = listed((await papers.packed()).content)
    receipts = [claims_of(content.decode()) for name, content in files.items() if name.endswith(".jws")]
    await signed_now(world)
    assert len(receipts) == 2
    for receipt in receipts:
        bundle = unpacked(await papers.officer.get(_address(receipt["jti"])), tmp_path)
        told = claims_under(bundle, "receipt.jws", RECEIPT)
        assert {**told, "iat": 0, "outcome": 0} == {**receipt, "iat": 0, "outcome": 0}
        digest, name = bundle["document.sha256"].decode().split()
        assert (digest, name in files) == (receipt["doc"]["served_sha256"], True)
    assert papers.officer.agency == f"{AGENCY}@6472"


async def test_a_stamped_copy(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D12: digests of source and of what was served, from the entry of the end; what was never drawn was never delivered."""
    officer = await world.officer()
    consent, _ = await world.consented(officer, content=picture_jpeg((620, 877)))
    leaves(world)
    ticket = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
    fetched = await world.fetches(officer, ticket)
    given = receipt_of(fetched)
    await signed_now(world)
    files = unpacked(await officer.get(_address(number_of(fetched))), tmp_path)
    told = claims_under(files, "receipt.jws", RECEIPT)
    assert told["doc"] == given["doc"]
    assert told["doc"]["source_sha256"] != told["doc"]["served_sha256"]
    assert told["doc"]["copy_code"]
    name = files["document.sha256"].decode().split()[1]
    (tmp_path / name).write_bytes(fetched.content)
    assert shell(tmp_path, "sha256sum -c document.sha256") == f"{name}:"

    async def none_drawn(*_arguments: object) -> None:
        raise CopyFailed("a test")

    monkeypatch.setattr(Copies, "served", none_drawn)
    ticket = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
    assert (await world.fetches(officer, ticket)).status_code == 422
    await signed_now(world)
    number, _ = (await _items(world, "release"))[-1]
    assert problem_of(await officer.get(_address(number))) == (409, "BK-4053")
    assert (await world.entries())[-1]["result"]["reason"] == "nothing_delivered"


async def test_after_the_trail_was_erased(world: World) -> None:
    """410: what the entry says is gone for everybody, and the answer says what is left."""
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    number = number_of(await world.fetches(officer, ticket))
    await signed_now(world)
    await _erase_trail(world, officer)
    assert problem_of(await officer.get(_address(number))) == (410, "BK-4052")
    assert problem_of(await officer.get(f"/v1/consents/{consent}/bundle")) == (410, "BK-4052")


async def _erase_trail(world: World, officer: OfficerAt) -> None:
    """As an erasure leaves it: the key is destroyed, in the database and in memory."""
    subject = world.parts.keyring.meant(officer.agency, await world.enrols(officer, NIK))
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE citizen_key SET trail_key = NULL WHERE id = $1", subject)
    world.parts.keyring.forget(subject)


async def test_a_key_that_turned(world: World, tmp_path: Path) -> None:
    """An old delivery's receipt is signed with the key of now, and the archive of keys holds the old one too."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    fetched = await world.fetches(officer, ticket)
    await signed_now(world)
    parts = world.parts
    old = json.loads(_header(fetched.headers["berkas-receipt"]))["kid"]
    rows = await turn_keys.retire(
        parts.database, parts.keyring, parts.appender, kid=old, revoked=True, now=clock()
    )
    parts.desk.turn(await turn_keys.loaded(parts.keyring, rows))
    files = unpacked(await officer.get(_address(number_of(fetched))), tmp_path)
    kid = json.loads(_header(files["receipt.jws"].decode()))["kid"]
    assert kid != old
    assert {old, kid} <= {key["kid"] for key in json.loads(files["jwks-archive.json"])["keys"]}


def _header(token: str) -> bytes:
    header = token.partition(".")[0]
    return base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))

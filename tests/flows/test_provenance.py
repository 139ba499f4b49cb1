"""What a stored copy is (M10; L50, L51): a signature that does not hold is refused, and the label goes wherever the paper goes."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange import wiring
from exchange.settings import SettingsRefused
from storage.signatures.judging import Signatures
from tests.backend import Backend
from tests.conftest import StoreServer
from tests.files import pdf
from tests.flows.copying import receipt_of
from tests.flows.test_take_in import nothing_kept
from tests.invariants import check_invariants
from tests.signing import (
    DAY,
    NOW,
    authority,
    crl,
    long_lived,
    narrowed,
    official,
    other_root,
    party,
    root,
    signed,
    with_validation,
)
from tests.world import ANSWERS, JPEG, NIK, SERVICE, OfficerAt, World, content_digest, running_world

REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "wrong digest": (lambda: signed().replace(b"KARTU", b"KARTV"), "BK-3071", "signature_altered"),
    "not all of it": (lambda: narrowed(tail=6), "BK-3072", "signature_partial"),
    "somebody else's authority": (
        lambda: signed(by=party("Palsu", other_root()), chain=[other_root()]),
        "BK-3073",
        "signature_untrusted",
    ),
    "expired before": (
        lambda: signed(by=party("Lama", authority(), ends=NOW - DAY)),
        "BK-3074",
        "signature_expired",
    ),
    "revoked": (
        lambda: with_validation(signed(), crl(root()), crl(authority(), official(), since=NOW - DAY)),
        "BK-3075",
        "signature_revoked",
    ),
    "unreadable": (lambda: narrowed(unreadable=True), "BK-3076", "signature_unreadable"),
}
LABELS: dict[str, tuple[Callable[[], bytes], str]] = {
    "valid": (long_lived, "pades_valid"),
    "unchecked": (signed, "pades_unchecked"),
    "weak": (functools.partial(signed, md="sha1"), "pades_weak"),
    "none": (functools.partial(pdf, b"KARTU KELUARGA"), "scan"),
}


def trusts(world: World, *anchors: bytes) -> None:
    assert world.parts.gate is not None
    world.parts.gate.signatures = Signatures(world.parts.gate.workers, anchors)


async def _counter(world: World) -> tuple[OfficerAt, str]:
    officer = await world.officer()
    return officer, await world.enrols(officer)


@pytest.mark.parametrize("name", REFUSED)
async def test_a_signature_that_does_not_hold_is_refused(world: World, name: str) -> None:
    """Each with a sentence that says what to do; nothing is kept but the entry. The print, scanned and compared, comes in."""
    trusts(world, root().der)
    make, code, reason = REFUSED[name]
    officer, subject = await _counter(world)
    answer = await world.stores(officer, subject, content=await asyncio.to_thread(make))
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert len(answer.json()["detail"]) > 20
    await nothing_kept(world)
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["result"]["reason"]) == ("intake", reason)
    again = await world.stores(officer, subject)
    assert (again.status_code, again.json()["provenance"]) == (201, "scan")
    await check_invariants(world)


@pytest.mark.parametrize("name", LABELS)
async def test_the_label_goes_with_the_paper(world: World, name: str) -> None:
    """Intake, readiness, the page that asks, ticket and receipt say the same; the bytes stay the issuer's own."""
    trusts(world, root().der)
    make, label = LABELS[name]
    content = await asyncio.to_thread(make)
    officer, subject = await _counter(world)
    stored = (await world.stores(officer, subject, content=content)).json()
    assert stored["provenance"] == label
    assert stored["sha256"] == stored["received_sha256"] == hashlib.sha256(content).hexdigest()
    entry = (await world.entries())[-1]
    assert entry["doc"]["provenance"] == label
    assert entry.get("signature", {}).get("class") == (None if name == "none" else name)
    body = {"nik": NIK, "service": SERVICE, "answers": ANSWERS}
    rows = (await officer.post("/v1/readiness", json=body)).json()["requirements"]
    row = next(row for row in rows if row.get("document_id") == stored["document_id"])
    asked = await world.asks(officer, subject)
    page = await world.proves(world.browser(), asked["link"])
    says = {
        "valid": "Bertanda tangan elektronik penerbit, sudah diperiksa.",
        "unchecked": "Bertanda tangan elektronik, belum dapat dipastikan.",
        "weak": "Bertanda tangan elektronik dengan cara lama yang lemah.",
        "none": "Dipindai dan dibandingkan dengan aslinya oleh Petugas Contoh.",
    }
    assert says[name] in page.text
    _, ticket = await world.consented(officer, content=content)
    got = await world.fetches(officer, ticket)
    assert got.content == content
    by = entry["actor"] if name == "none" else None
    for told in (row, ticket["documents"][0], receipt_of(got)["doc"]):
        assert (told["provenance"], told.get("compared_by")) == (label, by)


async def test_what_was_not_compared_is_an_upload(world: World) -> None:
    """And the same bytes, compared by another officer later, are the same version with a better label; never with a lesser one."""
    officer, subject = await _counter(world)
    stored = (await world.stores(officer, subject, compared="false")).json()
    assert stored["provenance"] == "upload"
    asked = await world.asks(officer, subject)
    page = await world.proves(world.browser(), asked["link"])
    assert "Salinan yang diunggah, belum dibandingkan dengan aslinya." in page.text
    other = await world.officer(name="kedua")
    compared = await world.stores(other, await world.enrols(other))
    assert compared.status_code == 200
    assert compared.json() == {**stored, "provenance": "scan"}
    actor = (await world.entries())[-1]["actor"]
    less = await world.stores(officer, subject, compared="false")
    assert (less.status_code, less.json()["provenance"]) == (200, "scan")
    body = {"nik": NIK, "service": SERVICE, "answers": ANSWERS}
    rows = (await officer.post("/v1/readiness", json=body)).json()["requirements"]
    assert {row.get("compared_by") for row in rows if row.get("document_id")} == {actor}
    await check_invariants(world)


async def test_anchors_that_came_later_raise_the_label(world: World) -> None:
    """No anchors: unchecked. The operator pins them, the same file comes again: valid, the same version."""
    officer, subject = await _counter(world)
    content = await asyncio.to_thread(long_lived)
    before = (await world.stores(officer, subject, content=content)).json()
    assert before["provenance"] == "pades_unchecked"
    assert (await world.entries())[-1]["signature"]["why"] == "no_anchors"
    trusts(world, root().der)
    after = await world.stores(officer, subject, content=content)
    assert after.status_code == 200
    assert after.json() == {**before, "provenance": "pades_valid"}


@pytest.mark.parametrize(
    ("kind", "content", "label"),
    [
        ("NIB", pdf(b"NIB"), "pushed"),
        ("KTP", JPEG, "upload"),
        ("NIB", signed(), "pushed"),
        ("KTP", long_lived(), "pades_valid"),
    ],
    ids=["its own paper", "another's paper", "its own, unchecked", "another's, signed"],
)
async def test_back_ends(world: World, kind: str, content: bytes, label: str) -> None:
    """A back end is believed about papers that its own agency gives out, by the catalogue."""
    trusts(world, root().der)
    backend = await Backend(world).registered(scopes=("documents.submit",))
    _, subject = await _counter(world)
    token = await backend.token(bound=True)
    media_type = "application/pdf" if content.startswith(b"%PDF") else "image/jpeg"
    stored = await backend.calls(
        "POST", f"/v1/subjects/{subject}/documents?type={kind}", token, content=content,
        headers={"Content-Type": media_type, "Content-Digest": content_digest(content)},
    )  # fmt: skip
    assert (stored.status_code, stored.json()["provenance"]) == (201, label), stored.text


async def test_anchors_are_a_setting(
    tmp_path: Path, database_url: str, store: StoreServer, bucket_name: str
) -> None:
    """BERKAS_TRUST_ANCHORS; a folder that cannot be meant keeps the service from starting."""
    anchors = tmp_path / "anchors"
    anchors.mkdir()
    named: dict[str, Any] = {"s3_bucket": bucket_name, "trust_anchors": anchors}
    with pytest.raises(SettingsRefused, match="BERKAS_TRUST_ANCHORS"):
        wiring._anchors(anchors)
    (anchors / "akar.pem").write_bytes(root().pem)
    content = await asyncio.to_thread(long_lived)
    async with running_world(tmp_path, database_url=database_url, store=store, **named) as world:
        officer, subject = await _counter(world)
        stored = await world.stores(officer, subject, content=content)
        assert stored.json()["provenance"] == "pades_valid"

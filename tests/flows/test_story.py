"""The story of DESIGN section 1, steps 2 to 8, over HTTP on real servers."""

from __future__ import annotations

import base64
import hashlib

from jose import jws

from auth.keys import public_jwk
from tests.world import ANSWERS, JPEG, NIK, OTHER_NIK, PDF, SERVICE, World, path_of


async def test_the_story(world: World) -> None:
    """Steps 2 to 8, and the entry that each act leaves (M36, I3, U15)."""
    officer = await world.officer()
    subject = await world.enrols(officer)

    before = (
        await officer.post("/v1/readiness", json={"nik": NIK, "service": SERVICE, "answers": ANSWERS})
    ).json()
    assert before["subject_ref"] == subject
    assert before["complete"] is False

    stored = await world.stores(officer, subject)
    assert stored.status_code == 201
    assert stored.json()["sha256"] == hashlib.sha256(JPEG).hexdigest()
    assert stored.json()["provenance"] == "scan"

    after = (
        await officer.post("/v1/readiness", json={"nik": NIK, "service": SERVICE, "answers": ANSWERS})
    ).json()
    assert after["complete"] is True

    asked = await world.asks(officer, subject)
    assert asked["state"] == "pending"
    assert asked["qr"].startswith("<svg")
    done = await world.allows(asked["link"])
    assert "Persetujuan tercatat" in done.text

    state = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()
    assert state["state"] == "granted"
    ticket = (await officer.post("/v1/tickets", json={"consent_id": state["consent_id"]})).json()
    assert ticket["expires_in"] == 300
    fetched = await world.fetches(officer, ticket)
    assert fetched.status_code == 200
    assert fetched.content == JPEG
    await _whole_answer(world, fetched.headers, JPEG)

    withdrawn = await officer.post(f"/v1/consents/{state['consent_id']}/withdrawal")
    assert withdrawn.status_code == 200
    assert (await officer.post("/v1/tickets", json={"consent_id": state["consent_id"]})).status_code == 403

    acts = [(entry["type"], entry["result"]["allowed"]) for entry in await world.entries()]
    story = [act for act in acts if act[0] not in {"agency", "officer", "key", "factor"}]
    assert story == [
        ("contact", True),
        ("readiness", True),
        ("intake", True),
        ("readiness", True),
        ("request", True),
        ("grant", True),
        ("ticket", True),
        ("release", True),
        ("outcome", True),
        ("withdraw", True),
        ("ticket", False),
    ]


async def _whole_answer(world: World, headers: object, content: bytes) -> None:
    """Every header of a delivery, and a receipt that an independent JOSE call verifies (A49, protocols 5)."""
    kept = dict(headers)  # type: ignore[call-overload]
    digest = hashlib.sha256(content)
    receipt = kept.pop("berkas-receipt")
    kept.pop("date")
    kept.pop("x-request-id")
    link = kept.pop("link")
    disposition = kept.pop("content-disposition")
    assert disposition.startswith('attachment; filename="KTP-d_')
    assert kept == {
        "content-type": "image/jpeg",
        "content-length": str(len(content)),
        "content-digest": f"sha-256=:{base64.b64encode(digest.digest()).decode()}:",
        "etag": f'"{digest.hexdigest()}"',
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "no-store, private",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cross-origin-resource-policy": "same-origin",
    }
    key = next(iter(world.parts.desk.keys.verification_keys("document").values()))
    claims = jws.verify(receipt, public_jwk(key), ["ES256"])
    import json

    told = json.loads(claims)
    assert link == f'</v1/receipts/{told["jti"]}/bundle>; rel="describedby"'
    assert told["doc"]["served_sha256"] == digest.hexdigest()
    async with world.parts.database.transaction() as transaction:
        entry = await transaction.raw.fetchval(
            "SELECT entry FROM log_entry WHERE idx = $1", told["log"]["index"]
        )
    assert hashlib.sha256(b"\x00" + bytes(entry)).hexdigest() == told["log"]["leaf_sha256"]


async def test_the_next_agency_finds_it(world: World) -> None:
    """M06: stored once at one counter, ready at the next, after a consent of its own."""
    first = await world.officer("DPMPTSP")
    subject = await world.enrols(first)
    await world.stores(first, subject)
    await world.stores(first, subject, "KK", PDF)
    second = await world.officer("IMIGRASI")
    ready = (
        await second.post("/v1/readiness", json={"nik": NIK, "service": "IMIGRASI.PASPOR_BARU_DEWASA"})
    ).json()
    states = {row["code"]: row["state"] for row in ready["requirements"] if row["head"] == "doc"}
    assert states["KTP"] == "valid"
    assert states["KK"] == "valid"


async def test_the_citizen_sees_it_and_takes_it_back(world: World) -> None:
    """Step 8, U14, U15: the link of the receipt, its own factor, the list, the withdrawal, the next fetch fails."""
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    link = next(message["link"] for message in reversed(await world.inbox("notice")) if message.get("link"))
    phone = world.browser()
    page = await world.proves(phone, link)
    assert "Jejak Data Saya" in page.text
    assert "Tarik kembali" in page.text
    assert NIK not in page.text
    from tests.world import csrf_of

    form = {"csrf": csrf_of(page), "consent": consent}
    sure = await phone.post(path_of(link), data={"step": "withdraw", **form})
    assert sure.status_code == 200
    done = await phone.post(path_of(link), data={"step": "withdrawn", **form, "csrf": csrf_of(sure)})
    assert done.status_code == 200, done.text
    refused = await world.fetches(officer, ticket)
    assert (refused.status_code, refused.json()["code"]) == (403, "BK-4005")
    again = await phone.post(path_of(link), data={"step": "withdrawn", **form, "csrf": csrf_of(sure)})
    assert (again.status_code, "Persetujuan ditarik kembali" in again.text) == (200, True)


async def test_a_partial_consent_gives_only_what_was_ticked(world: World) -> None:
    """U12: all, some, none. Some: the other paper is not in the ticket and cannot be had."""
    officer = await world.officer("IMIGRASI")
    subject = await world.enrols(officer, OTHER_NIK)
    await world.stores(officer, subject)
    await world.stores(officer, subject, "KK", PDF)
    asked = await world.asks(officer, subject, "IMIGRASI.PASPOR_GANTI")
    types = [item["type"] for item in asked["items"]]
    await world.allows(asked["link"], [str(types.index("KTP"))])
    state = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()
    assert state["state"] == "partial"
    ticket = (await officer.post("/v1/tickets", json={"consent_id": state["consent_id"]})).json()
    assert [row["type"] for row in ticket["documents"]] == ["KTP"]


async def test_refusing_all_leaves_nothing_to_fetch(world: World) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    asked = await world.asks(officer, subject)
    done = await world.allows(asked["link"], [])
    assert "menolak" in done.text
    state = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()
    assert (state["state"], state["consent_id"]) == ("refused", None)

"""Consent without a phone: asked, read aloud, recorded by one officer, confirmed by another (M11, M13, M45, N05, L08, L37)."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.flows.confirm_assisted import transcript_sha256
from exchange.pages import SLIP_VERSION
from exchange.settings import Settings, SettingsRefused
from exchange.wiring import wired
from storage.assistance import assisted_of
from tests.backend import Backend
from tests.files import noted
from tests.flows.assisting import SCAN, Desk, at_the_desk, consents, last, told
from tests.flows.test_administration import id_of
from tests.world import ANSWERS, JPEG, NIK, PHONE, SERVICE, World, csrf_of, path_of

OTHER_PHONE = "+6281200009902"
SIM = "POLRI.SIM_PERPANJANG"  # asks for SK_SEHAT and SK_PSIKOLOGI, which are specific data


async def test_the_whole_way(world: World) -> None:
    """M13, M45: no contact, no phone; two officers, and the paper can be read."""
    desk = await at_the_desk(world)
    assert desk.request["mode"] == "assisted"
    assert (desk.request["link"], desk.request["qr"]) == (None, None)
    expires = datetime.fromisoformat(desk.request["expires_at"])
    assert timedelta(minutes=14) < expires - datetime.now(UTC) <= timedelta(minutes=15)
    recording = await desk.recorded(helped_by="family", slip_sha256=SCAN)
    entry = await last(world)
    assert (entry["type"], entry["act"], entry["document_types"]) == ("request", "record_assisted", ["KTP"])
    assert (entry["witness"], entry["slip_sha256"], entry["helped_by"]) == ("signature", SCAN, "family")
    state = await desk.state()
    assert (state["state"], state["awaiting"], state["consent_id"]) == ("pending", "confirmation", None)
    assert state["recorded"]["recording"] == recording
    assert state["recorded"]["granted"] == [item["path"] for item in desk.request["items"]]
    assert state["recorded"]["recorded_by"] == await id_of(world, desk.first)
    assert await consents(world) == []

    done = (await desk.confirms(recording)).json()
    assert done["state"] == "granted"
    entry = await last(world)
    assert (entry["type"], entry["act"], entry["granted"]) == ("grant", "assisted", ["KTP"])
    assert entry["actor"] == f"officer:{await id_of(world, desk.second)}"
    assert entry["recorded_by"] == await id_of(world, desk.first)
    state = await desk.state()
    assert (state["state"], state["consent_id"]) == ("granted", done["consent_id"])
    assert "awaiting" not in state
    row = (await consents(world))[0]
    assert (row["mode"], row["state"], row["agency_id"]) == ("assisted", "active", "DPMPTSP@6472")
    ticket = await desk.first.post("/v1/tickets", json={"consent_id": done["consent_id"]})
    assert (await world.fetches(desk.first, ticket.json())).content == JPEG


async def test_it_lasts_one_visit(world: World) -> None:
    """A day at most, whatever was asked for; for this agency only; and the signed request says the same."""
    wanted = datetime.now(UTC) + timedelta(days=20)
    desk = await at_the_desk(world, valid_until=wanted.isoformat())
    done = await desk.confirmed()
    until = datetime.fromisoformat(done["valid_until"])
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(hours=24)
    assert (await consents(world))[0]["valid_until"] == until
    police = await world.officer("POLRI")
    refused = await police.post("/v1/tickets", json={"consent_id": done["consent_id"]})
    assert told(refused) == (404, "BK-4004")
    short = datetime.now(UTC) + timedelta(hours=2)
    desk = await at_the_desk(world, valid_until=short.isoformat())
    assert datetime.fromisoformat((await desk.confirmed())["valid_until"]) == short


async def _record(world: World) -> dict[str, Any]:
    row = (await consents(world))[-1]
    record = await world.parts.keyring.unseal(row["subject_ref"], "consent", row["record"])
    claims = record.decode().split("\n")[0].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(claims + "==")))


async def test_the_record_says_who_helped_and_what_was_read(world: World) -> None:
    """L08, L11: the evidence's hash, both officers, the text that was read; a low assurance, which says what it is."""
    desk = await at_the_desk(world)
    text = await desk.read()
    await desk.confirmed(slip_sha256=SCAN, witness="thumb_mark", helped_by="interpreter")
    record = await _record(world)
    assert record["assist"] == {
        "recorded_by": await id_of(world, desk.first),
        "confirmed_by": await id_of(world, desk.second),
        "witness": "thumb_mark",
        "helped_by": "interpreter",
        "slip_sha256": SCAN,
        "counter": "Loket 3",
    }
    assert (record["authn"]["method"], record["authn"]["assurance"]) == ("assisted_eyes4", "low")
    async with world.parts.database.reading() as reading:
        recorded = await assisted_of(reading, desk.request["id"])
    assert recorded is not None
    assert record["authn"]["transcript_sha256"] == transcript_sha256(recorded)
    assert record["authn"]["at"] == int(recorded.recorded_at.timestamp())
    assert (record["notice"]["sha256"], record["notice"]["text_version"]) == (text, SLIP_VERSION)
    assert record["validity"]["exp"] - record["validity"]["nbf"] <= 24 * 3600
    assert record["event"]["type"] == "given"


async def test_every_contact_is_told(world: World) -> None:
    """N05: a contact of somebody else's hides nothing; the link leads to Jejak Data Saya, where U09 is seen."""
    officer = await world.officer()
    contacts = [{"channel": "whatsapp", "value": PHONE}, {"channel": "sms", "value": OTHER_PHONE}]
    await officer.post("/v1/subjects", json={"nik": NIK, "name": "Warga Contoh", "contacts": contacts})
    desk = await at_the_desk(world)
    assert await world.inbox() == []
    await desk.confirmed()
    notices = await world.inbox("notice")
    assert sorted((one["channel"], one["to"]) for one in notices) == [
        ("sms", OTHER_PHONE),
        ("whatsapp", PHONE),
    ]
    text = notices[0]["text"]
    assert text.startswith(f"{world.parts.site_name}: Dibantu petugas DPMPTSP, Loket 3, Anda mengizinkan")
    assert "Bukan Anda? Tarik kembali di" in text
    assert NIK not in text
    phone = world.browser()
    page = await world.proves(phone, notices[0]["link"])
    assert "DPMPTSP</b>, Loket 3, mencatat persetujuan Anda (dibantu petugas)" in page.text
    assert "menunggu petugas kedua" in page.text
    consent = (await consents(world))[0]["id"]
    form = {"step": "withdrawn", "csrf": csrf_of(page), "consent": consent}
    assert (await phone.post(path_of(notices[0]["link"]), data=form)).status_code == 200
    ticket = await desk.first.post("/v1/tickets", json={"consent_id": consent})
    assert told(ticket) == (403, "BK-4005")


async def test_a_refusal_is_recorded_the_same_way(world: World) -> None:
    """L09, L10: as easy as granting, confirmed like it, and evidence; there is nothing to take back and no code."""
    desk = await at_the_desk(world, phone=PHONE)
    done = await desk.confirmed(granted=[])
    assert (done["state"], done["consent_id"], done["withdrawal_code"]) == ("refused", None, None)
    entry = await last(world)
    assert (entry["type"], entry["act"], entry["refused"]) == ("refuse", "assisted", ["KTP"])
    assert (await consents(world))[0]["state"] == "refused"
    assert (await _record(world))["event"]["type"] == "refused"
    notice = (await world.inbox("notice"))[-1]
    assert "Anda tidak membagikan dokumen" in notice["text"]
    assert "Tanda terima penolakan" in done["slip_html"]
    page = await world.proves(world.browser(), notice["link"])
    assert "mencatat penolakan Anda (dibantu petugas)" in page.text


async def test_some_of_it(world: World) -> None:
    """L01: each paper has a decision of its own, and specific data more than two officers' word."""
    police, second = await world.officer("POLRI"), await world.officer("POLRI", "kedua")
    subject = await world.enrols(police, phone=None)
    for kind in ("KTP", "SK_SEHAT"):
        stored = await world.stores(police, subject, kind, issued_on=f"{datetime.now(UTC):%Y-%m-%d}")
        assert stored.status_code == 201, stored.text
    request = await world.asks(police, subject, SIM, channel="assisted")
    desk = Desk(world, police, second, subject, request)
    paths = {item["type"]: item["path"] for item in request["items"]}
    assert set(paths) == {"KTP", "SK_SEHAT", "SK_PSIKOLOGI"}
    before = len(await world.entries())
    alone = await desk.records(granted=[paths["KTP"], paths["SK_SEHAT"]])
    assert told(alone) == (422, "BK-2056")
    assert (await last(world))["result"] == {"allowed": False, "reason": "evidence_needed"}
    absent = await desk.records(granted=[paths["SK_PSIKOLOGI"]], slip_sha256=SCAN)
    assert told(absent) == (422, "BK-2031")
    assert (await last(world))["result"]["reason"] == "not_offered"
    assert len(await world.entries()) == before + 2
    done = await desk.confirmed(granted=[paths["KTP"], paths["SK_SEHAT"]], slip_sha256=SCAN)
    assert done["state"] == "partial"
    assert (await last(world))["absent"] == ["SK_PSIKOLOGI"]
    decisions = {item["type"]: item["decision"] for item in (await desk.state())["items"]}
    assert decisions == {"KTP": "granted", "SK_SEHAT": "granted", "SK_PSIKOLOGI": "refused"}


async def test_a_recorded_voice_needs_the_recording(world: World) -> None:
    """L08: recorded, not told."""
    desk = await at_the_desk(world)
    assert told(await desk.records(witness="spoken_recorded")) == (422, "BK-2056")
    await desk.confirmed(witness="spoken_recorded", slip_sha256=SCAN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"told": list("abcdef")},
        {"told": list("abcdefa")},
        {"told": list("abcdefh")},
        {"identity_sighted": False},
        {"witness": "trust me"},
        {"granted": ["../x"]},
        {"slip_sha256": "AB"},
        {"helped_by": "Ibu W, tetangga"},
        {"decision": "granted"},
    ],
)
async def test_what_is_not_said_is_not_recorded(world: World, wrong: dict[str, Any]) -> None:
    """L06: each of the seven points was told; no names of others; nothing that is not asked for."""
    desk = await at_the_desk(world)
    before = len(await world.entries())
    assert told(await desk.records(**wrong)) == (422, "BK-2001")
    assert len(await world.entries()) == before
    assert "awaiting" not in await desk.state()


async def test_a_text_that_changed_is_read_again(world: World) -> None:
    """L07, L11: a newer copy came in between; what would be on record as read is not what was read, before and after the record."""
    desk = await at_the_desk(world)
    old = await desk.read()
    await world.stores(desk.first, desk.subject, content=noted(JPEG, b"2"), issued_on="2020-02-02")
    refused = await desk.records(text_sha256=old)
    assert told(refused) == (409, "BK-2054")
    assert (await last(world))["result"]["reason"] == "slip_changed"
    recording = await desk.recorded()
    await world.stores(desk.first, desk.subject, content=noted(JPEG, b"3"), issued_on="2021-03-03")
    assert told(await desk.confirms(recording)) == (409, "BK-2054")
    assert (await last(world))["result"]["reason"] == "slip_changed"
    assert await consents(world) == []
    discarded = await desk.confirms(recording, confirm=False, reason="mistyped")
    assert discarded.status_code == 200
    await desk.confirmed()


async def test_a_request_for_a_phone_is_not_answered_here(world: World) -> None:
    """And an assisted one has no link that could be answered on a phone."""
    desk = await at_the_desk(world)
    phone = {"channel": "whatsapp", "value": PHONE}
    assert (await desk.first.post(f"/v1/subjects/{desk.subject}/contacts", json=phone)).status_code == 201
    by_link = await world.asks(desk.first, desk.subject)
    assert by_link["mode"] == "link"
    other = replace(desk, request=by_link)
    assert told(await desk.first.get(f"{other.path}/slip")) == (409, "BK-2051")
    assert told(await other.records(text_sha256=SCAN)) == (409, "BK-2051")
    assert (await last(world))["result"]["reason"] == "not_assisted"


async def test_a_back_end_may_ask_and_officers_answer(world: World) -> None:
    desk = await at_the_desk(world)
    backend = await Backend(world).registered(scopes=["consents.request"])
    body = {"subject_ref": desk.subject, "service": SERVICE, "channel": "assisted", "answers": ANSWERS}
    request = (await backend.calls("POST", "/v1/consent-requests", json=body)).json()
    by_machine = replace(desk, request=request)
    assert (await by_machine.confirmed())["state"] == "granted"
    closed = await desk.records(text_sha256=SCAN)  # the older one was replaced
    assert told(closed) == (409, "BK-2052")


async def test_a_site_says_for_which_services(world: World) -> None:
    """N05: a service may refuse this assurance, when it is asked for and when it is answered."""
    desk = await at_the_desk(world)
    text = await desk.read()
    settings = world.parts.settings.model_copy(update={"no_assisted_services": f"{SERVICE} POLRI.SKCK_BARU"})
    world.app.state.parts = replace(world.parts, settings=settings)
    assert told(await desk.records(text_sha256=text)) == (422, "BK-2057")
    body = {"subject_ref": desk.subject, "service": SERVICE, "channel": "assisted", "answers": ANSWERS}
    before = len(await world.entries())
    assert told(await desk.first.post("/v1/consent-requests", json=body)) == (422, "BK-2057")
    assert len(await world.entries()) == before + 1
    assert (await last(world))["result"]["reason"] == "service_not_assisted"
    assert (await desk.state())["state"] == "pending"  # what was refused replaced nothing
    assert (await desk.first.post("/v1/consent-requests", json={**body, "channel": "qr"})).status_code == 201


async def test_a_site_cannot_name_what_is_no_service(world: World) -> None:
    settings = Settings(**{**world.parts.settings.model_dump(), "no_assisted_services": "DPMPTSP.TIDAKADA"})
    with pytest.raises(SettingsRefused, match="TIDAKADA"):
        async with wired(settings):
            pass


async def test_the_slip_is_the_agencys_own(world: World) -> None:
    """A33, A34: not yours and not there read alike; each is an entry. After the decision it says what came of it, without the code."""
    desk = await at_the_desk(world)
    slip = await desk.first.get(f"{desk.path}/slip")
    assert slip.headers["content-type"].startswith("text/html")
    assert slip.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in slip.headers["content-security-policy"]
    assert "Lembar persetujuan" in slip.text
    assert "W**** C*****" in slip.text
    assert NIK not in slip.text
    police = await world.officer("POLRI")
    theirs = await police.get(f"{desk.path}/slip")
    assert (await last(world))["result"]["reason"] == "request_of_another_agency"
    nobodys = await desk.first.get("/v1/consent-requests/cr_01JD0000000000000000000000/slip")
    assert (await last(world))["result"]["reason"] == "request_unknown"
    assert {told(theirs), told(nobodys)} == {(404, "BK-2034")}
    done = await desk.confirmed(witness="thumb_mark")
    assert done["withdrawal_code"] in done["slip_html"]
    again = await desk.first.get(f"{desk.path}/slip")
    assert "Tanda terima persetujuan" in again.text
    assert done["withdrawal_code"] not in again.text
    await desk.first.post(f"/v1/consents/{done['consent_id']}/withdrawal")
    assert "sudah ditarik kembali" in (await desk.first.get(f"{desk.path}/slip")).text


async def test_a_slip_that_cannot_be_answered_is_not_printed(world: World) -> None:
    desk = await at_the_desk(world)
    await world.asks(desk.first, desk.subject, channel="assisted")
    assert told(await desk.first.get(f"{desk.path}/slip")) == (409, "BK-2052")


async def test_the_codes_and_hashes_at_rest(world: World) -> None:
    """A copied database holds no code; the sum on the slip is the record's."""
    desk = await at_the_desk(world)
    done = await desk.confirmed()
    code = done["withdrawal_code"].replace("-", "")
    async with world.parts.database.reading() as reading:
        tables = [
            row[0]
            for row in await reading.raw.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        for table in tables:
            rows = await reading.raw.fetch(f"SELECT t::text FROM {table} t")
            assert not any(code in row[0] or done["withdrawal_code"] in row[0] for row in rows), table
    row = (await consents(world))[0]
    assert row["record_sha256"] in done["slip_html"]
    record = await world.parts.keyring.unseal(row["subject_ref"], "consent", row["record"])
    assert hashlib.sha256(record).hexdigest() == row["record_sha256"]

"""Another decides for a citizen (M19, L12, L13, L39): who may, on what papers, and when it ends by itself."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from exchange.deps import clock
from exchange.settings import Settings
from tests.flows.family_world import (
    asks_for,
    birth_certificate,
    decided_by,
    names,
    nik_of,
    paper,
    person,
    years_ago,
)
from tests.world import ANSWERS, JPEG, SERVICE, OfficerAt, World, csrf_of, path_of

MOTHER, CHILD = "Sari Contoh", "Bayu Percobaan"
MOTHERS_PHONE = "+6281200009911"


class Family:
    def __init__(self, world: World, officer: OfficerAt, mother: str, child: str, certificate: str) -> None:
        self.world, self.officer = world, officer
        self.mother, self.child, self.certificate = mother, child, certificate

    async def asks(self, **more: Any) -> dict[str, Any]:
        who = decided_by(self.mother, "parent", self.certificate)
        answer = await asks_for(self.officer, self.child, who, **more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
async def family(world: World) -> Family:
    """A mother with a phone, and a boy of ten without one, whose birth certificate names her."""
    officer = await world.officer("IMIGRASI")
    mother = await person(world, officer, MOTHER, years_ago(34), 11)
    child = await person(world, officer, CHILD, years_ago(10), 12, phone=False)
    certificate = await birth_certificate(world, officer, child, mother)
    return Family(world, officer, mother, child, certificate)


async def _code(world: World, answer: Any) -> str:
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


async def _entries(world: World, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in await world.entries() if entry["type"] == kind]


async def _record(world: World, consent: str) -> dict[str, Any]:
    """The claims of the newest revision."""
    async with world.parts.database.reading() as reading:
        row = await reading.raw.fetchrow("SELECT subject_ref, record FROM consent WHERE id = $1", consent)
    signed = await world.parts.keyring.unseal(row["subject_ref"], "consent", row["record"])
    body = signed.decode().splitlines()[-1].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


async def test_a_mother_decides_for_her_child(family: Family) -> None:
    """M19: her own contact, initials before the factor, the entry on both trails, the evidence pinned by its hash everywhere."""
    world = family.world
    asked = await family.asks()
    phone = world.browser()
    before = await phone.get(path_of(asked["link"]))
    assert "anak Anda (B. P.)" in before.text
    for secret in (CHILD, "Bayu", "Sari"):
        assert secret not in before.text
    page = await world.proves(phone, asked["link"])
    sent = (await world.inbox("otp"))[-1]
    assert sent["to"] == MOTHERS_PHONE
    assert "anak Anda (B. P.)" in sent["text"]
    assert "B*** P********" in page.text
    assert "dokumen anak Anda" in page.text
    done = await phone.post(
        path_of(asked["link"]),
        data={"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": ["0"]},
    )
    assert done.status_code == 200, done.text
    own, theirs = (await _entries(world, "grant"))[-2:]
    assert own["actor"] == "representative"
    assert theirs["actor"] == "citizen"
    assert own["subject"] != theirs["subject"]
    assert own["decider"] == theirs["subject"]
    assert theirs["for_another"] == own["subject"]
    state = (await family.officer.get(f"/v1/consent-requests/{asked['id']}")).json()
    record = await _record(world, state["consent_id"])
    async with world.parts.database.reading() as reading:
        sha256 = await reading.raw.fetchval(
            "SELECT sha256 FROM document_version WHERE document_id = $1", family.certificate
        )
    pinned = [{"document_id": family.certificate, "version": 1, "sha256": sha256}]
    assert record["granted_by"]["relation"] == "parent"
    assert record["granted_by"]["id"] == family.mother
    assert record["pii_principal_id"] == family.child
    assert record["granted_by"]["relation_evidence"] == own["relation_evidence"] == pinned
    request = (await _entries(world, "request"))[-2]
    assert request["relation_evidence"] == pinned
    ticket = await family.officer.post("/v1/tickets", json={"consent_id": state["consent_id"]})
    assert ticket.status_code == 201
    assert (await world.fetches(family.officer, ticket.json())).status_code == 200
    await world.outcomes()


async def test_a_minor_does_not_decide(family: Family) -> None:
    """L12: below 17 nobody asks the child; nothing was sent, the refusal stands on record."""
    answer = await asks_for(family.officer, family.child, None)
    assert await _code(family.world, answer) == "BK-2071"
    assert answer.status_code == 422
    entry = (await _entries(family.world, "request"))[-1]
    assert entry["result"] == {"allowed": False, "reason": "guardian_decides"}
    assert await family.world.inbox("link") == []
    async with family.world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM consent_request") == 0


async def test_a_typed_birth_date_makes_no_child_grown_up(world: World) -> None:
    """N9: it differs from the NIK, so the later of the two counts; a century that the NIK leaves open is the officer's to say."""
    officer = await world.officer("IMIGRASI")
    for born, serial, status in ((years_ago(40), 16, 422), (years_ago(110), 17, 201)):
        nik = nik_of(years_ago(10), serial)
        body = {"nik": nik, "name": CHILD, "birth_date": born.isoformat(), "contacts": []}
        child = (await officer.post("/v1/subjects", json=body)).json()["subject_ref"]
        await paper(world, officer, child, "AKTA_LAHIR")
        assert (await asks_for(officer, child, None)).status_code == status, born


async def test_only_who_the_paper_shows_as_a_parent(family: Family) -> None:
    """M19: a stranger, an aunt on the same card, the child itself, a paper that is not there, a paper of another kind."""
    world, officer = family.world, family.officer
    aunt = await person(world, officer, "Rina Simulasi", years_ago(40), 13)
    card = await paper(world, officer, family.mother, "KK")
    await names(officer, card, family.child, "child", (family.mother,))
    await names(officer, card, aunt, "member")
    ktp = (await world.stores(officer, family.mother, "KTP")).json()["document_id"]
    cases = [
        (decided_by(aunt, "parent", family.certificate), "BK-2072"),
        (decided_by(aunt, "parent", card), "BK-2072"),
        (decided_by(family.mother, "parent", ktp), "BK-2072"),
        (decided_by(family.mother, "parent", "d_01JD0000000000000000000000"), "BK-2072"),
        (decided_by(family.mother, "guardian", family.certificate), "BK-2072"),
        (decided_by(family.mother, "power_of_attorney", family.certificate), "BK-2074"),
        (decided_by(family.mother, "curator", family.certificate), "BK-2071"),
        (decided_by(family.child, "parent", family.certificate), "BK-2075"),
    ]
    for who, code in cases:
        assert await _code(world, await asks_for(officer, family.child, who)) == code, who
    # The card of the household, on file with the mother, shows it as well as the certificate does.
    by_card = await asks_for(officer, family.child, decided_by(family.mother, "parent", card))
    assert by_card.status_code == 201, by_card.text


async def test_in_production_one_officer_makes_no_parent(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wrote down whose child it is may not make the request that rests on it; another officer may."""
    monkeypatch.setattr(Settings, "second_officer_names", True)
    who = decided_by(family.mother, "parent", family.certificate)
    assert await _code(family.world, await asks_for(family.officer, family.child, who)) == "BK-2072"
    entry = (await _entries(family.world, "request"))[-1]
    assert entry["result"] == {"allowed": False, "reason": "named_by_the_asker"}
    assert "for_another" not in entry  # who was named in vain is told nothing
    assert len(await _entries(family.world, "request")) == 1
    second = await family.world.officer("IMIGRASI", "kedua")
    assert (await asks_for(second, family.child, who)).status_code == 201


@pytest.mark.parametrize("what", ["superseded", "unnamed", "voided"])
async def test_evidence_that_changed_meanwhile(family: Family, what: str) -> None:
    """The pinned copy must still stand when it is decided; refusing stays possible."""
    world = family.world
    asked = await family.asks()
    phone = world.browser()
    page = await world.proves(phone, asked["link"])
    if what == "superseded":
        await paper(world, family.officer, family.child, "AKTA_LAHIR", b"newer")
    elif what == "unnamed":
        gone = f"/v1/documents/{family.certificate}/subjects/{family.child}"
        assert (
            await family.officer.client.delete(gone, headers={"X-CSRF-Token": family.officer.csrf})
        ).status_code == 204
    else:
        async with world.parts.database.transaction() as transaction:
            await transaction.raw.execute(
                "UPDATE document_version SET state = 'voided' WHERE document_id = $1", family.certificate
            )
    page = await phone.get(path_of(asked["link"]))
    data = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": ["0"]}
    refused = await phone.post(path_of(asked["link"]), data=data)
    if what == "voided":  # the paper asked for is the evidence itself: there is nothing left to tick
        assert refused.status_code == 422
    else:
        assert refused.status_code == 409
        assert "Bukti hubungan sudah berubah" in refused.text
        entry = (await _entries(world, "grant"))[-1]
        assert entry["result"]["allowed"] is False
        assert entry["result"]["reason"] in {"evidence_changed", "relation_not_shown"}
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM consent") == 0
    page = await phone.get(path_of(asked["link"]))
    no = {"step": "decide", "csrf": csrf_of(page), "decision": "refuse"}
    assert (await phone.post(path_of(asked["link"]), data=no)).status_code == 200


async def test_it_ends_by_itself_at_eighteen(world: World) -> None:
    """L12, N06: the consent's end is cut at the first moment of the 18th birthday at the site, and the batch's clock judges it."""
    officer = await world.officer("IMIGRASI")
    mother = await person(world, officer, MOTHER, years_ago(40), 11)
    child = await person(world, officer, CHILD, years_ago(18, days=9), 12)
    certificate = await birth_certificate(world, officer, child, mother)
    answer = await asks_for(officer, child, decided_by(mother, "parent", certificate))
    assert answer.status_code == 201, answer.text
    until = datetime.fromisoformat(answer.json()["valid_until"])
    born = years_ago(18, days=9)
    assert until.astimezone().timestamp() < (clock() + timedelta(days=10)).timestamp()
    assert f"{until + timedelta(hours=8):%m-%d %H:%M}" == f"{born:%m-%d} 00:00"  # midnight WITA
    await world.allows(answer.json()["link"])
    consent = (await officer.get(f"/v1/consent-requests/{answer.json()['id']}")).json()["consent_id"]
    assert (await officer.post("/v1/tickets", json={"consent_id": consent})).status_code == 201
    async with world.parts.database.transaction() as transaction:
        kept = await transaction.raw.fetchval("SELECT valid_until FROM consent WHERE id = $1", consent)
        assert kept == until
        # The birthday comes.
        await transaction.raw.execute(
            "UPDATE consent SET valid_until = clock_timestamp() WHERE id = $1", consent
        )
    assert await _code(world, await officer.post("/v1/tickets", json={"consent_id": consent})) == "BK-4006"
    # Both were told: the child has a phone of their own, and a link of their own.
    told = [message for message in await world.inbox("notice") if "mengizinkan" in message["text"]]
    assert {message["to"] for message in told} == {MOTHERS_PHONE, "+6281200009912"}
    assert len({message["link"] for message in told}) == 2
    by_whom = {message["to"]: message["text"] for message in told}
    assert "Orang tua Anda mengizinkan" in by_whom["+6281200009912"]
    assert "anak Anda (B. P.)" in by_whom[MOTHERS_PHONE]


async def test_from_seventeen_with_a_card_they_decide_themselves(world: World) -> None:
    """protocols.md 4.3: at 17 with a KTP-el nobody decides in their place; without one a parent still may."""
    officer = await world.officer("IMIGRASI")
    desk = await world.officer("DPMPTSP")
    born = years_ago(17, days=-60)
    mother = await person(world, desk, MOTHER, years_ago(40), 11)
    child = await person(world, desk, CHILD, born, 12)
    certificate = await birth_certificate(world, desk, child, mother)
    await world.stores(desk, child)
    alone = await asks_for(desk, child, None, SERVICE, answers=ANSWERS)
    assert alone.status_code == 201, alone.text
    who = decided_by(mother, "parent", certificate)
    assert await _code(world, await asks_for(desk, child, who, SERVICE, answers=ANSWERS)) == "BK-2075"
    # guardian_consent of the catalogue: for this service a parent decides up to 18 (art. 25).
    child, mother = (
        await person(world, officer, CHILD, born, 12),
        await person(world, officer, MOTHER, years_ago(40), 11),
    )
    assert await _code(world, await asks_for(officer, child, None)) == "BK-2071"
    by_mother = await asks_for(officer, child, decided_by(mother, "parent", certificate))
    assert by_mother.status_code == 201, by_mother.text


async def test_a_letter_for_one_service_until_its_day(world: World) -> None:
    """L39: the proxy stands on the principal's own letter; it ends with the letter; another service needs another letter."""
    officer = await world.officer()
    principal = await person(world, officer, "Budi Contoh", years_ago(70), 14)
    proxy = await person(world, officer, MOTHER, years_ago(34), 11)
    await world.stores(officer, principal)
    undated = await paper(world, officer, principal, "SURAT_KUASA", b"undated")
    await names(officer, undated, proxy, "proxy")

    async def asks(service: str = SERVICE, letter: str = undated) -> Any:
        who = decided_by(proxy, "power_of_attorney", letter)
        return await asks_for(officer, principal, who, service, answers=ANSWERS if service == SERVICE else {})

    assert await _code(world, await asks()) == "BK-2073"
    last = clock().date() + timedelta(days=5)
    letter = await paper(world, officer, principal, "SURAT_KUASA", b"dated", valid_until=last.isoformat())
    assert await _code(world, await asks(letter=letter)) == "BK-2072"  # a newer copy begins without names
    await names(officer, letter, proxy, "proxy")
    asked = await asks(letter=letter)
    assert asked.status_code == 201, asked.text
    until = datetime.fromisoformat(asked.json()["valid_until"])
    assert (until + timedelta(hours=8)).date() == last + timedelta(days=1)
    done = await world.allows(asked.json()["link"])
    assert "pemberi kuasa kepada Anda" in done.text
    again = await asks(letter=letter)
    assert again.status_code == 201
    await world.stores(officer, principal, "NPWP")
    other = await asks("DPMPTSP.SIP_NAKES", letter)
    assert await _code(world, other) == "BK-2073", other.text
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE document_version SET valid_until = valid_until - 30 WHERE document_id = $1", letter
        )
    assert await _code(world, await asks(letter=letter)) == "BK-2073"


async def test_a_letter_is_for_what_was_decided_first(world: World) -> None:
    """L39: two purposes asked for with one letter before either is decided; the second decision shares nothing."""
    officer = await world.officer()
    principal = await person(world, officer, "Budi Contoh", years_ago(70), 14)
    proxy = await person(world, officer, MOTHER, years_ago(34), 11)
    await world.stores(officer, principal)
    last = clock().date() + timedelta(days=5)
    letter = await paper(world, officer, principal, "SURAT_KUASA", valid_until=last.isoformat())
    await names(officer, letter, proxy, "proxy")
    who = decided_by(proxy, "power_of_attorney", letter)
    one = await asks_for(officer, principal, who, SERVICE, answers=ANSWERS)
    two = await asks_for(officer, principal, who, "DPMPTSP.SIP_NAKES")
    assert (one.status_code, two.status_code) == (201, 201)
    assert (await world.allows(one.json()["link"])).status_code == 200
    refused = await world.allows(two.json()["link"])
    assert refused.status_code == 409
    assert "Tidak ada yang dibagikan" in refused.text
    entries = [entry for entry in await world.entries() if not entry["result"]["allowed"]]
    assert {entry["result"]["reason"] for entry in entries} == {"letter_for_another_purpose"}
    state = (await officer.get(f"/v1/consent-requests/{two.json()['id']}")).json()
    assert (state["state"], state.get("consent_id")) == ("pending", None)


async def test_what_cannot_be_delegated_says_so(world: World) -> None:
    """not_delegable of the catalogue: a passport takes the person; a parent of a minor is no delegation (the story above)."""
    officer = await world.officer("IMIGRASI")
    principal = await person(world, officer, "Budi Contoh", years_ago(70), 14)
    proxy = await person(world, officer, MOTHER, years_ago(34), 11)
    await world.stores(officer, principal)
    last = (clock().date() + timedelta(days=5)).isoformat()
    letter = await paper(world, officer, principal, "SURAT_KUASA", valid_until=last)
    await names(officer, letter, proxy, "proxy")
    who = decided_by(proxy, "power_of_attorney", letter)
    answer = await asks_for(officer, principal, who, "IMIGRASI.PASPOR_GANTI")
    assert await _code(world, answer) == "BK-2074"
    assert (await _entries(world, "request"))[-1]["result"]["reason"] == "not_delegable"


@pytest.mark.parametrize(("relation", "age"), [("guardian", 10), ("curator", 50)])
async def test_a_ruling_of_a_court(world: World, relation: str, age: int) -> None:
    """L12, L13: a guardian for a child, a curator for a grown-up, each named as such by a ruling that is the subject's own."""
    officer = await world.officer("IMIGRASI")
    ward = await person(world, officer, CHILD, years_ago(age), 12, phone=False)
    decider = await person(world, officer, MOTHER, years_ago(34), 11)
    await paper(world, officer, ward, "AKTA_LAHIR")
    ruling = await paper(world, officer, ward, "PENETAPAN")
    who = decided_by(decider, relation, ruling)
    assert await _code(world, await asks_for(officer, ward, who)) == "BK-2072"
    await names(officer, ruling, decider, "curator" if relation == "guardian" else "guardian")
    assert await _code(world, await asks_for(officer, ward, who)) == "BK-2072"
    await names(officer, ruling, decider, relation)
    asked = await asks_for(officer, ward, who)
    assert asked.status_code == 201, asked.text
    assert (await world.allows(asked.json()["link"])).status_code == 200


async def test_both_may_take_it_back(family: Family) -> None:
    """The decider by their own link; each has the entry; the next ticket is refused."""
    world = family.world
    asked = await family.asks()
    await world.allows(asked["link"])
    consent = (await family.officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    link = next(m["link"] for m in reversed(await world.inbox("notice")) if m.get("link"))
    phone = world.browser()
    trail = await world.proves(phone, link)
    assert "Anda memutuskan untuk anak Anda (B*** P********)." in trail.text
    assert "S*** C*****" in trail.text  # it is her own list
    data = {"step": "withdrawn", "csrf": csrf_of(trail), "consent": consent}
    assert (await phone.post(path_of(link), data=data)).status_code == 200
    own, theirs = (await _entries(world, "withdraw"))[-2:]
    assert (own["actor"], theirs["actor"]) == ("representative", "citizen")
    answer = await family.officer.post("/v1/tickets", json={"consent_id": consent})
    assert await _code(world, answer) == "BK-4005"
    # A stranger's link withdraws nothing of it.
    stranger = await person(world, family.officer, "Tono Ujian", years_ago(30), 15)
    await world.stores(family.officer, stranger, "KTP", JPEG)
    second = await family.asks()
    await world.allows(second["link"])
    kept = (await family.officer.get(f"/v1/consent-requests/{second['id']}")).json()["consent_id"]
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE citizen_link SET subject_ref = (SELECT subject_ref FROM contact WHERE value_index = $1)",
            world.parts.keyring.keyed_hash("contact", "+6281200009915"),
        )
        await transaction.raw.execute("UPDATE challenge SET sent_at = sent_at - interval '2 hours'")
    other = world.browser()
    page = await world.proves(other, link)
    data = {"step": "withdrawn", "csrf": csrf_of(page), "consent": kept}
    assert (await other.post(path_of(link), data=data)).status_code == 403
    assert (await family.officer.post("/v1/tickets", json={"consent_id": kept})).status_code == 201


async def test_the_link_goes_to_who_decides(family: Family) -> None:
    """By message too: the child has no contact, the mother's is used; the two trails tell the request."""
    asked = await family.asks(channel="whatsapp")
    sent = (await family.world.inbox("link"))[-1]
    assert sent["to"] == MOTHERS_PHONE
    assert "anak Anda (B. P.)" in sent["text"]
    assert CHILD not in sent["text"]
    own, theirs = (await _entries(family.world, "request"))[-2:]
    assert own["request"] == theirs["request"] == asked["id"]
    assert own["subject"] != theirs["subject"]

"""Contacts at the counter: seen masked, added, removed; the citizen hears of each change at every contact (A27)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from exchange.deps import clock
from exchange.flows import tell_supervisors
from tests.backend import Backend
from tests.world import CANARIES, NAME, NIK, PHONE, OfficerAt, World, csrf_of, path_of

NEW, MAIL = "+6281200009955", "warga@contoh.example"
CANARIES.update({NEW.removeprefix("+"), MAIL})
NIKS = [
    f"647209{day:02d}08{year:02d}99{serial:02d}"
    for day, year, serial in ((17, 90, 10), (11, 85, 20), (5, 70, 30), (23, 99, 40))
]


async def adds(officer: OfficerAt, subject: str, value: str = NEW, channel: str = "sms") -> httpx.Response:
    sent = {"channel": channel, "value": value}
    return await officer.post(f"/v1/subjects/{subject}/contacts", json=sent)


async def removes(officer: OfficerAt, subject: str, contact: str) -> httpx.Response:
    return await officer.post(f"/v1/subjects/{subject}/contacts/{contact}/removal")


async def contacts(officer: OfficerAt, subject: str) -> list[dict[str, Any]]:
    answer = await officer.get(f"/v1/subjects/{subject}/contacts")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["contacts"])


async def days_pass(world: World, hours: int = 73) -> None:
    """For all contacts, by the clock of the database."""
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE contact SET set_at = set_at - make_interval(hours => $1), removed_at = removed_at - make_interval(hours => $1)",
            hours,
        )


def ruled(world: World, hours: int = 72, *, other_setter: bool = True) -> None:
    """The two rules on, as in production."""
    changed = {"contact_rest_hours": hours, "contact_other_setter": other_setter}
    world.app.state.parts = replace(world.parts, settings=world.parts.settings.model_copy(update=changed))


@pytest.fixture
async def enrolled(world: World) -> tuple[World, OfficerAt, str]:
    officer = await world.officer()
    return world, officer, await world.enrols(officer)


async def _notices(world: World) -> list[tuple[str, str]]:
    return [(message["to"], message["text"]) for message in await world.inbox("notice")]


async def test_seen_masked(enrolled: tuple[World, OfficerAt, str]) -> None:
    """Newest first; the number is nowhere in the answer, and the look is on the citizen's trail."""
    world, officer, subject = enrolled
    assert (await adds(officer, subject, MAIL, "email")).status_code == 201
    answer = await officer.get(f"/v1/subjects/{subject}/contacts")
    assert [(row["channel"], row["value"]) for row in answer.json()["contacts"]] == [
        ("email", "w•••@contoh.example"),
        ("whatsapp", "+62 812-••••-9901"),
    ]
    assert answer.headers["cache-control"] == "no-store"
    for hidden in (PHONE, PHONE[3:], MAIL):
        assert hidden not in answer.text
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["act"], entry["counter"]) == ("contact", "look", "Loket 3")
    colleague = await world.officer(name="rekan")
    assert [row["set_by_you"] for row in await contacts(officer, subject)] == [True, True]
    assert [row["set_by_you"] for row in await contacts(colleague, subject)] == [False, False]


async def test_added_and_told_everywhere(enrolled: tuple[World, OfficerAt, str]) -> None:
    world, officer, subject = enrolled
    answer = await adds(officer, subject)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["channel"], told["value"], told["verified_at"]) == ("sms", "+62 812-••••-9955", None)
    assert sorted(to for to, _ in await _notices(world)) == sorted([PHONE, NEW])
    for _, text in await _notices(world):
        assert "satu kontak SMS Anda ditambahkan oleh DPMPTSP, Loket 3" in text
        assert "0812" not in text
        assert "9955" not in text
        assert NAME not in text
    entry = (await world.entries())[-1]
    assert (entry["act"], entry["channel"], entry["result"]["allowed"]) == ("add", "sms", True)
    assert NEW not in str(entry)


async def test_removed_and_told_everywhere(enrolled: tuple[World, OfficerAt, str]) -> None:
    """The one that goes hears of it too; its number is kept no longer, and no code goes there."""
    world, officer, subject = enrolled
    await adds(officer, subject)
    old = (await contacts(officer, subject))[1]["id"]
    before = len(await _notices(world))
    assert (await removes(officer, subject, old)).status_code == 204
    told = (await _notices(world))[before:]
    assert sorted(to for to, _ in told) == sorted([PHONE, NEW])
    assert all("satu kontak WhatsApp Anda dihapus oleh DPMPTSP, Loket 3" in text for _, text in told)
    assert [row["channel"] for row in await contacts(officer, subject)] == ["sms"]
    async with world.parts.database.transaction() as transaction:
        row = await transaction.raw.fetchrow("SELECT * FROM contact WHERE id = $1", old)
    assert (bytes(row["value"]), row["value_index"]) == (b"", "")
    again = await removes(officer, subject, old)
    assert (again.status_code, again.json()["code"]) == (404, "BK-2042")
    await world.stores(officer, subject)
    await world.proves(world.browser(), (await world.asks(officer, subject))["link"])
    assert (await world.inbox("otp"))[-1]["to"] == NEW


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"channel": "sms", "value": "12345"}, "BK-2005"),
        ({"channel": "email", "value": "a@b.example, c@d.example"}, "BK-2005"),
        ({"channel": "email", "value": NEW}, "BK-2005"),
        ({"channel": "telegram", "value": NEW}, "BK-2001"),
        ({"channel": "sms", "value": NEW, "verified_at": "2026-11-24T08:00:00Z"}, "BK-2001"),
        ({"channel": "whatsapp", "value": "0812-0000-9901"}, "BK-2041"),
    ],
)
async def test_what_is_no_new_contact(
    enrolled: tuple[World, OfficerAt, str], body: dict[str, str], code: str
) -> None:
    """A37: nobody sets what is not theirs to set; the same number in another spelling is there already."""
    world, officer, subject = enrolled
    answer = await officer.post(f"/v1/subjects/{subject}/contacts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409 if code == "BK-2041" else 422, code)
    assert len(await contacts(officer, subject)) == 1
    assert await _notices(world) == []


async def test_three_changes_a_day(enrolled: tuple[World, OfficerAt, str]) -> None:
    """The contact of the enrolment is one of them. Parallel ones count one by one; what is refused is on record and tells nobody."""
    import asyncio

    world, officer, subject = enrolled
    answers = await asyncio.gather(*(adds(officer, subject, f"+62812000099{n}") for n in range(50, 56)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 429, 429, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("BK-2040", "86400")
    entries = [e for e in await world.entries() if e.get("act") == "add"]
    assert [e["result"].get("reason") for e in entries].count("contacts_spent") == 4
    assert len(await contacts(officer, subject)) == 3
    removed = [await removes(officer, subject, row["id"]) for row in await contacts(officer, subject)]
    assert [answer.status_code for answer in removed] == [204, 204, 204]
    await days_pass(world, 25)
    for n in range(60, 63):
        assert (await adds(officer, subject, f"+62812000099{n}")).status_code == 201
    assert (await adds(officer, subject)).status_code == 429


async def test_a_citizen_of_nobody_and_a_contact_of_another(enrolled: tuple[World, OfficerAt, str]) -> None:
    """A33, A35: the reference of another agency is that of nobody here, another citizen's contact is not there; on record."""
    world, officer, subject = enrolled
    theirs = await world.officer("POLRI")
    elsewhere = await world.enrols(theirs)
    other = await world.enrols(officer, NIKS[0])
    contact = (await contacts(officer, other))[0]["id"]
    for ref in (elsewhere, "sbj_01JD0000000000000000000000"):
        for answer in (
            await officer.get(f"/v1/subjects/{ref}/contacts"),
            await adds(officer, ref),
            await removes(officer, ref, contact),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "BK-2002")
            assert (await world.entries())[-1]["result"] == {"allowed": False, "reason": "subject_unknown"}
    answer = await removes(officer, subject, contact)
    assert (answer.status_code, answer.json()["code"]) == (404, "BK-2042")
    assert len(await contacts(officer, other)) == 1
    machine = await Backend(world, "dpmptsp-oss").registered("DPMPTSP@6472", scopes=["subjects.enrol"])
    assert (await machine.calls("GET", f"/v1/subjects/{subject}/contacts")).status_code == 401


async def test_looks_and_changes_are_reach(enrolled: tuple[World, OfficerAt, str]) -> None:
    """A62: whoever's contacts are looked at is one more citizen of the hour."""
    world, officer, subject = enrolled
    other = await world.enrols(officer, NIKS[0])
    world.app.state.parts = replace(
        world.parts, settings=world.parts.settings.model_copy(update={"citizens_per_officer_hour": 1})
    )
    fresh = await world.officer(name="rekan")
    assert (await fresh.get(f"/v1/subjects/{subject}/contacts")).status_code == 200
    assert (await fresh.get(f"/v1/subjects/{other}/contacts")).status_code == 429
    assert (await adds(fresh, other)).status_code == 429


async def test_a_number_on_three_citizens_is_an_alarm(world: World) -> None:
    """Not refused, families share a phone: from the third on it stands in the ledger and supervisors are told, once an hour."""
    officer = await world.officer()
    subjects = [await world.enrols(officer, nik) for nik in NIKS[:2]]
    parts = world.parts

    async def alarms() -> list[dict[str, Any]]:
        return [e for e in await world.entries() if e.get("act") == "contact_shared"]

    assert await alarms() == []
    third = await world.enrols(officer, NIKS[2], None)
    # The same number by another channel is the same phone.
    assert (await adds(officer, third, "081200009901")).status_code == 201
    (alarm,) = await alarms()
    assert (alarm["citizens"], alarm["agency"], alarm["result"]["allowed"]) == (3, "DPMPTSP@6472", True)
    assert PHONE not in str(alarm)
    await world.enrols(officer, NIKS[3])
    assert [e["citizens"] for e in await alarms()] == [3, 4]
    async with parts.database.transaction() as transaction:
        rows = await transaction.raw.fetch("SELECT actor, reason FROM alert")
    assert [(row["actor"].split(":")[0], row["reason"]) for row in rows] == [("officer", "contact_shared")]
    told: dict[str, Any] = {"site": parts.site_name, "zone": parts.zone, "now": clock()}
    assert await tell_supervisors.tell(parts.database, parts.keyring, parts.appender, **told) in {0, 1}
    # A number that was removed counts no more.
    for subject in subjects:
        await removes(officer, subject, (await contacts(officer, subject))[0]["id"])
    await world.enrols(officer, "6472090206619950")
    assert len(await alarms()) == 3
    await removes(officer, third, (await contacts(officer, third))[0]["id"])
    await days_pass(world, 25)
    assert (await adds(officer, third, PHONE, "whatsapp")).status_code == 201
    assert [e["citizens"] for e in await alarms()] == [3, 4, 3, 3]


async def test_what_rested_on_a_contact_ends_with_it(enrolled: tuple[World, OfficerAt, str]) -> None:
    """A26, A27: a code on its way, and a proof of some minutes ago, count no more once the phone was reported as lost."""
    world, officer, subject = enrolled
    await world.stores(officer, subject)
    request = await world.asks(officer, subject)
    path, phone = path_of(request["link"]), world.browser()
    page = await world.proves(phone, request["link"])
    assert (await contacts(officer, subject))[0]["verified_at"] is not None
    waiting = world.browser()
    other_page = await waiting.get(path)
    await waiting.post(path, data={"step": "send", "csrf": csrf_of(other_page)})
    code = (await world.inbox("otp"))[-1]["code"]
    assert (await removes(officer, subject, (await contacts(officer, subject))[0]["id"])).status_code == 204
    form = {"step": "decide", "decision": "grant", "document": "0", "csrf": csrf_of(page)}
    assert (await phone.post(path, data=form)).status_code == 403
    typed = await waiting.post(path, data={"step": "code", "csrf": csrf_of(other_page), "code": code})
    assert typed.status_code == 422
    assert (await officer.get(f"/v1/consent-requests/{request['id']}")).json()["state"] == "pending"


async def test_a_decision_keeps_its_proof(enrolled: tuple[World, OfficerAt, str]) -> None:
    world, officer, subject = enrolled
    await world.stores(officer, subject)
    await world.allows((await world.asks(officer, subject))["link"])
    await removes(officer, subject, (await contacts(officer, subject))[0]["id"])
    async with world.parts.database.transaction() as transaction:
        assert (
            await transaction.raw.fetchval("SELECT count(*) FROM challenge WHERE verified_at IS NOT NULL")
            == 1
        )


async def test_what_the_citizen_reads(enrolled: tuple[World, OfficerAt, str]) -> None:
    """U15: each look and each change stands in Jejak Data Saya, in words."""
    world, officer, subject = enrolled
    await world.stores(officer, subject)
    await world.allows((await world.asks(officer, subject))["link"])
    await contacts(officer, subject)
    await adds(officer, subject)
    await adds(officer, subject)
    await removes(officer, subject, (await contacts(officer, subject))[0]["id"])
    link = next(m["link"] for m in reversed(await world.inbox("notice")) if m.get("link"))
    page = await world.proves(world.browser(), link)
    for words in (
        "melihat kontak Anda yang disamarkan",
        "menambahkan kontak Anda",
        "mencoba menambahkan kontak Anda",
        "Kontak itu sudah terdaftar.",
        "menghapus kontak Anda",
    ):
        assert words in page.text, words
    assert "mencatat kegiatan" not in page.text
    assert NIK not in page.text

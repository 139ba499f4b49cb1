"""The breach register (L28; UU 27/2022 art. 46): whom it touched comes from the ledger, and they are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from exchange.deps import clock
from exchange.flows import tell_breach
from tests.flows.test_administration import Admin, admin, id_of, signed_in, told
from tests.world import NAME, NIK, OTHER_NIK, World

DATA = "KTP-el warga yang dilayani di Loket 3."
HOW = "Kata sandi seorang petugas dipakai orang lain."
HANDLING = "Sesi diakhiri, kata sandi diganti, seluruh akses diperiksa."


def report(**how: Any) -> dict[str, Any]:
    now = clock()
    return {
        "noticed_at": (now - timedelta(hours=1)).isoformat(),
        "from": (now - timedelta(hours=1)).isoformat(),
        "to": (now + timedelta(hours=1)).isoformat(),
        "data": DATA,
        "how": HOW,
        "handling": HANDLING,
        **how,
    }


@pytest.fixture
async def dpo(world: World) -> Admin:
    return await admin(world, "pelindung", "dpo")


async def _opened(dpo: Admin, **how: Any) -> str:
    answer = await dpo.at.post("/v1/breaches", json=report(**how))
    assert answer.status_code == 201, answer.text
    return f"/v1/breaches/{answer.json()['id']}"


async def test_from_the_ledger_to_the_letters(world: World, dpo: Admin) -> None:
    """Who had a paper opened is found and told, with the three items; who had none is not."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    await world.fetches(officer, ticket)
    silent = await world.enrols(officer, OTHER_NIK, None)  # enrolled, and nothing was opened
    path = await _opened(dpo)
    look = (await dpo.at.get(f"{path}/persons")).json()
    (person,) = look["persons"]
    assert person["document_types"] == ["KTP"]
    assert len(person["entries"]) >= 2
    assert (look["next"], look["erased"]) == (None, 0)
    assert NIK not in str(look)
    assert NAME not in str(look)
    sent = await dpo.at.post(f"{path}/letters", json={"subject_refs": [person["subject_ref"], silent]})
    outcomes = {row["subject_ref"]: row["outcome"] for row in sent.json()["told"]}
    assert outcomes == {person["subject_ref"]: "message", silent: "not_touched"}
    notice = (await world.inbox("notice"))[-1]["text"]
    for item in (DATA, HOW, HANDLING):
        assert item in notice
    again = await dpo.at.post(f"{path}/letters", json={"subject_refs": [person["subject_ref"]]})
    assert again.json()["told"][0]["outcome"] == "told_before"
    assert len([m for m in await world.inbox("notice") if DATA in m["text"]]) == 1
    letter = await dpo.at.get(f"{path}/letters/{person['subject_ref']}")
    assert NAME in letter.text
    assert DATA in letter.text
    assert NIK not in letter.text
    acts = [entry["act"] for entry in await world.entries() if entry["type"] == "breach"]
    assert acts == ["open", "search", "tell", "told", "tell", "told", "letter", "letter"]
    stranger = await dpo.at.get(f"{path}/letters/{silent}")
    assert told(stranger) == (404, "BK-2111")


async def test_the_person_reads_it_in_the_own_trail(world: World, dpo: Admin) -> None:
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    await world.fetches(officer, ticket)
    path = await _opened(dpo)
    (person,) = (await dpo.at.get(f"{path}/persons")).json()["persons"]
    await dpo.at.post(f"{path}/letters", json={"subject_refs": [person["subject_ref"]]})
    link = next(message["link"] for message in await world.inbox("notice") if message["link"])
    page = await world.proves(world.browser(), link)
    assert "memberitahukan kegagalan pelindungan data pribadi Anda" in page.text


async def test_without_a_contact_there_is_a_letter(world: World, dpo: Admin) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer, phone=None)
    await world.stores(officer, subject)
    path = await _opened(dpo)
    sent = await dpo.at.post(f"{path}/letters", json={"subject_refs": [subject]})
    assert sent.json()["told"][0]["outcome"] == "letter"
    (row,) = (await dpo.at.get("/v1/breaches")).json()["breaches"]
    assert (row["told_by_message"], row["told_by_letter"]) == (0, 1)


async def test_one_officer_and_one_hour(world: World, dpo: Admin) -> None:
    """The search is as narrow as the report: another officer's acts, and what came before, are not meant."""
    guilty, other = await world.officer(name="satu"), await world.officer(name="dua")
    touched = await world.enrols(guilty)
    await world.stores(guilty, touched)
    await world.stores(other, await world.enrols(other, OTHER_NIK, "+6281200009902"))
    path = await _opened(dpo, actor=f"officer:{await id_of(world, guilty)}")
    (person,) = (await dpo.at.get(f"{path}/persons")).json()["persons"]
    assert person["subject_ref"] == touched
    earlier = clock() - timedelta(days=2)
    past = await _opened(
        dpo, **{"from": earlier.isoformat(), "to": (earlier + timedelta(hours=1)).isoformat()}
    )
    assert (await dpo.at.get(f"{past}/persons")).json() == {
        "persons": [],
        "scanned": 0,
        "erased": 0,
        "next": None,
    }


async def test_window_by_window(world: World, dpo: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is lost where one window ends and the next begins."""
    officer = await world.officer()
    people = set()
    for number in range(4):
        ref = await world.enrols(officer, f"64720917089099{10 + number}", f"+62812000099{10 + number}")
        await world.stores(officer, ref)
        people.add(ref)
    path = await _opened(dpo)
    monkeypatch.setattr(tell_breach, "ENTRIES_A_LOOK", 3)
    found: set[str] = set()
    after, rounds = -1, 0
    while after is not None:
        look = (await dpo.at.get(f"{path}/persons", params={"after": after})).json()
        found |= {person["subject_ref"] for person in look["persons"]}
        after, rounds = look["next"], rounds + 1
    assert found == people
    assert rounds > 2


async def test_another_agencys_acts(world: World, dpo: Admin) -> None:
    """A data protection officer looks at the own agency; the site's administrator at all of them."""
    police = await world.officer("POLRI")
    await world.stores(police, await world.enrols(police))
    mine = await _opened(dpo)
    assert (await dpo.at.get(f"{mine}/persons")).json()["persons"] == []
    refused = await dpo.at.post("/v1/breaches", json=report(of_agency="POLRI@6472"))
    assert told(refused) == (403, "BK-1017")
    site = await admin(world, "situs", "site_admin", "IMIGRASI")
    whole = await _opened(site, of_agency="POLRI@6472")
    assert len((await site.at.get(f"{whole}/persons")).json()["persons"]) == 1
    assert told(await dpo.at.get(f"{whole}/persons")) == (404, "BK-2111")
    everybody = await _opened(site, of_agency="*")
    assert len((await site.at.get(f"{everybody}/persons")).json()["persons"]) == 1
    assert told(await dpo.at.post("/v1/breaches", json=report(of_agency="*"))) == (403, "BK-1017")


async def test_the_clock_the_authority_and_the_end(world: World, dpo: Admin) -> None:
    """72 real hours from when it was noticed; the register closes only after the authority was told."""
    late = (clock() - timedelta(hours=73)).isoformat()
    path = await _opened(dpo, noticed_at=late)
    (row,) = (await dpo.at.get("/v1/breaches")).json()["breaches"]
    assert row["overdue"] is True
    assert told(await dpo.at.post(f"{path}/closure")) == (409, "BK-2114")
    letter = await dpo.at.get(f"{path}/authority-letter")
    assert world.parts.settings.authority in letter.text
    assert HANDLING in letter.text
    when = clock().isoformat()
    noted = await dpo.at.post(f"{path}/authority", json={"told_at": when, "reference": "PDP/1/2026"})
    assert noted.status_code == 204
    (row,) = (await dpo.at.get("/v1/breaches")).json()["breaches"]
    assert (row["overdue"], row["authority_reference"]) == (False, "PDP/1/2026")
    assert (await dpo.at.post(f"{path}/closure")).status_code == 204
    closed = await dpo.at.post(f"{path}/closure")
    assert told(closed) == (409, "BK-2112")
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    refused = await dpo.at.post(f"{path}/letters", json={"subject_refs": [subject]})
    assert told(refused) == (409, "BK-2112")
    assert await world.inbox("notice") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": "KTP"},
        {"how": "x" * 601},
        {"from": "2026-11-02T00:00:00+08:00", "to": "2026-11-01T00:00:00+08:00"},
        {"noticed_at": "2026-11-01T08:00:00"},
        {"actor": "petugas"},
        {"noticed_at": (clock() + timedelta(hours=1)).isoformat()},
        {"data": "baris satu yang panjang sekali\nbaris dua"},
    ],
)
async def test_unfit_reports(world: World, dpo: Admin, wrong: dict[str, Any]) -> None:
    answer = await dpo.at.post("/v1/breaches", json=report(**wrong))
    assert answer.status_code == 422, answer.text
    assert (await dpo.at.get("/v1/breaches")).json()["breaches"] == []


async def test_a_password_alone_keeps_no_register(world: World) -> None:
    weak = await signed_in(world, "pelindung", "dpo")
    answer = await weak.post("/v1/breaches", json=report())
    assert told(answer) == (403, "BK-1019")

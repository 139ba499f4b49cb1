"""A paper that names several people: each sees their own accesses and nothing of the others (N06, T13, D4, L18)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from exchange import releases, trail_pages
from exchange.deps import clock
from exchange.flows import exercise_rights, tidy_up
from exchange.pages.rights_views import OwnRights, TrailFilter
from storage.ledger.history import events_of
from tests.flows.family_world import names, nik_of, paper, person, years_ago
from tests.flows.test_contact_changes import adds
from tests.flows.test_withdrawal_clock import owed
from tests.invariants import check_invariants
from tests.world import OfficerAt, World

FATHER, WIFE, GIRL = "Hendra Purwarupa", "Lina Purwarupa", "Putri Purwarupa"
KK_SERVICE = "IMIGRASI.PASPOR_GANTI"


class Home:
    def __init__(self, world: World, officer: OfficerAt) -> None:
        self.world, self.officer = world, officer
        self.people: dict[str, str] = {}
        self.card = ""

    async def consented(self) -> dict[str, Any]:
        """A ticket for the card, with ``consent``."""
        asked = await self.officer.post(
            "/v1/consent-requests",
            json={"subject_ref": self.people[FATHER], "service": KK_SERVICE, "documents": ["KK"]},
        )
        assert asked.status_code == 201, asked.text
        await self.world.allows(asked.json()["link"])
        state = (await self.officer.get(f"/v1/consent-requests/{asked.json()['id']}")).json()
        ticket = await self.officer.post("/v1/tickets", json={"consent_id": state["consent_id"]})
        assert ticket.status_code == 201, ticket.text
        return {**ticket.json(), "consent": state["consent_id"], "request": asked.json()["id"]}

    async def inside(self, name: str) -> str:
        """The reference that no agency sees."""
        return self.world.parts.keyring.meant(self.officer.agency, self.people[name])

    async def trail_of(self, name: str) -> list[dict[str, Any]]:
        """The entries on one person's trail, oldest first."""
        trail = await self.world.parts.keyring.trail(await self.inside(name))
        async with self.world.parts.database.reading() as reading:
            return [body for _, body in reversed(await events_of(reading, trail, limit=200))]

    async def unnames(self, name: str) -> int:
        path = f"/v1/documents/{self.card}/subjects/{self.people[name]}"
        answer = await self.officer.client.delete(path, headers={"X-CSRF-Token": self.officer.csrf})
        return answer.status_code


@pytest.fixture
async def home(world: World) -> Home:
    """A father with a family card that names his wife and their girl."""
    home = Home(world, await world.officer("IMIGRASI"))
    for serial, (name, age) in enumerate(((FATHER, 46), (WIFE, 44), (GIRL, 8)), start=21):
        home.people[name] = await person(
            world, home.officer, name, years_ago(age), serial, phone=name == FATHER
        )
    home.card = await paper(world, home.officer, home.people[FATHER], "KK")
    assert (await names(home.officer, home.card, home.people[WIFE], "spouse")).status_code == 201
    parents = (home.people[FATHER], home.people[WIFE])
    assert (await names(home.officer, home.card, home.people[GIRL], "child", parents)).status_code == 201
    return home


def _told(entry: dict[str, Any]) -> tuple[str, str | None]:
    return entry["type"], entry.get("act") or entry.get("outcome")


async def test_the_entries_of_one_act_are_linked(home: Home) -> None:
    """N06, D4: each names the index of the holder's, which says how many there are: a verifier finds the whole act, and a part that somebody
    leaves out. Wrong version: they share an item in the database only."""
    ticket = await home.consented()
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200
    await home.world.outcomes()
    entries = await home.world.entries()
    linked: dict[int, int] = {}
    for index, entry in enumerate(entries):
        if entry.get("names_you"):
            main = entries[entry["linked_to"]]
            assert (main["type"], main["actor"], main["t"]) == (entry["type"], entry["actor"], entry["t"])
            assert entry["linked_to"] < index <= entry["linked_to"] + main["linked"]
            linked[entry["linked_to"]] = linked.get(entry["linked_to"], 0) + 1
    assert {entries[main]["type"] for main in linked} >= {"ticket", "release", "outcome"}
    assert linked == {index: entry["linked"] for index, entry in enumerate(entries) if "linked" in entry}


async def test_each_sees_that_the_card_was_read_and_nothing_of_the_others(home: Home) -> None:
    """D4: one linked entry a person for the naming, the ticket, the release and its outcome."""
    ticket = await home.consented()
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200
    await home.world.outcomes()
    secrets = {
        ticket["consent"],
        ticket["request"],
        ticket["ticket"],
        home.card,
        ticket["documents"][0]["sha256"],
    }
    for name, naming in ((WIFE, "spouse"), (GIRL, "child")):
        entries = [entry for entry in await home.trail_of(name) if entry.get("names_you")]
        assert [_told(entry) for entry in entries] == [
            ("intake", "named"),
            ("ticket", None),
            ("release", None),
            ("outcome", "sent"),
        ]
        for entry in entries[1:]:
            assert entry["agency"] == home.officer.agency
            assert entry["counter"] == "Loket 3"
            assert entry["service"] == KK_SERVICE
        assert entries[1]["document_types"] == [entries[2]["document_type"]] == ["KK"]
        text = json.dumps(entries)
        others = {one for one in home.people if one != name}
        strangers = {
            *secrets,
            *others,
            *(home.people[one] for one in others),
            *[await home.inside(one) for one in others],
            *(nik_of(years_ago(age), serial) for age, serial in ((46, 21), (44, 22), (8, 23))),
            naming,
        }
        assert [secret for secret in strangers if secret in text] == []
        pseudonyms = {entry["subject"] for one in others for entry in await home.trail_of(one)}
        assert [secret for secret in pseudonyms if secret in text] == []
    await check_invariants(home.world)


async def test_a_redelivery_and_a_refused_try_are_told_too(home: Home) -> None:
    """M37: attempts as well; a withdrawn consent refuses, and everybody named reads that somebody tried."""
    ticket = await home.consented()
    await home.officer.post(f"/v1/consents/{ticket['consent']}/withdrawal", json={})
    assert (await home.world.fetches(home.officer, ticket)).status_code == 403
    last = (await home.trail_of(GIRL))[-1]
    assert (last["type"], last["result"]) == ("release", {"allowed": False, "reason": "consent_withdrawn"})


async def test_who_is_named_meanwhile_misses_nothing(home: Home) -> None:
    """The list that a fetch prepared its entries for is compared in the batch, also where another process keeps an older one."""
    ticket = await home.consented()
    place = await home.world.parts.vault.find(home.card, 1)
    assert place is not None
    assert await home.unnames(GIRL) == 204
    home.world.parts.vault._places[home.card, 1] = place  # as a replica would still have it
    refused = await home.world.fetches(home.officer, ticket)
    assert (refused.status_code, refused.json()["code"]) == (409, "BK-4012")
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200
    await home.world.outcomes()
    assert _told((await home.trail_of(GIRL))[-1]) == (
        "release",
        None,
    )  # the refused one, which was prepared for her
    assert _told((await home.trail_of(WIFE))[-1]) == ("outcome", "sent")


async def test_an_erased_person_keeps_nobody_from_reading(home: Home) -> None:
    """Her trail cannot be written any more; the others' can."""
    ticket = await home.consented()
    async with home.world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE citizen_key SET trail_key = NULL WHERE id = $1", await home.inside(WIFE)
        )
    home.world.parts.keyring._cache.clear()
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200
    await home.world.outcomes()
    assert _told((await home.trail_of(GIRL))[-1]) == ("outcome", "sent")


async def test_an_outcome_that_nobody_wrote(home: Home) -> None:
    """The reaper writes ``unknown`` for each of them."""
    ticket = await home.consented()
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200
    await home.world.outcomes()
    async with home.world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE ticket_use SET open = true, due_at = clock_timestamp() - interval '1 minute'"
        )
    parts = home.world.parts
    for _ in range(100):
        await tidy_up.close_abandoned(parts.database, parts.keyring, parts.appender)
        if _told((await home.trail_of(GIRL))[-1]) == ("outcome", "unknown"):
            break
        await asyncio.sleep(0.05)
    for name in (WIFE, GIRL):
        last = (await home.trail_of(name))[-1]
        assert _told(last) == ("outcome", "unknown")
        assert last["document_type"] == "KK"
        assert "ticket" not in last


async def test_their_own_page_says_whose_consent_it_was_not(home: Home) -> None:
    """The list of a named person: not "persetujuan Anda", no number of a consent, no name of the holder."""
    ticket = await home.consented()
    await home.world.fetches(home.officer, ticket)
    await home.world.outcomes()
    parts = home.world.parts
    own = await exercise_rights.own_trail(
        parts.database, parts.keyring, subject_ref=await home.inside(WIFE), limit=50, before=None, now=clock()
    )
    page = trail_pages.trail_page(
        parts, own, "token", OwnRights("/w/x"), TrailFilter((), (), "", "", ""), None, first_page=True
    )
    assert "Dokumen orang lain yang memuat nama Anda." in page
    assert "Dasar: persetujuan pemegang dokumen" in page
    assert "PST-" not in page
    assert "persetujuan Anda" not in page.replace("meminta persetujuan Anda", "")
    assert "H*****" not in page


async def test_a_list_is_shown_masked_and_taken_back(home: Home) -> None:
    """The agency that took the paper in; names masked; the look and the taking back are entries."""
    path = f"/v1/documents/{home.card}/subjects"
    listed = (await home.officer.get(path)).json()["data"]
    assert [(row["name"], row["role"]) for row in listed] == [
        ("L*** P********", "spouse"),
        ("P**** P********", "child"),
    ]
    assert listed[1]["child_of"] == [home.people[FATHER], home.people[WIFE]]
    assert {row["subject_ref"] for row in listed} == {home.people[WIFE], home.people[GIRL]}
    assert _told((await home.trail_of(FATHER))[-1]) == ("intake", "names_listed")
    assert await home.unnames(WIFE) == 204
    assert await home.unnames(WIFE) == 404
    assert [row["role"] for row in (await home.officer.get(path)).json()["data"]] == ["child"]
    assert _told((await home.trail_of(WIFE))[-1]) == ("intake", "unnamed")
    place = await home.world.parts.vault.find(home.card, 1)
    assert place is not None
    assert place.subjects == await home.inside(GIRL)


async def test_a_newer_copy_begins_without_names(home: Home) -> None:
    """Who left the household is told of the old copy only."""
    await paper_again(home)
    assert (await home.officer.get(f"/v1/documents/{home.card}/subjects")).json()["data"] == []
    before = len(await home.trail_of(GIRL))
    ticket = await home.consented()
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200
    await home.world.outcomes()
    assert len(await home.trail_of(GIRL)) == before


async def paper_again(home: Home) -> None:
    assert await paper(home.world, home.officer, home.people[FATHER], "KK", b"newer") == home.card


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"role": "holder"}, 422, "BK-2076"),
        ({"child_of": ["sbj_01JD0000000000000000000000"]}, 422, "BK-2076"),
        ({"subject_ref": "sbj_01JD0000000000000000000000"}, 404, "BK-2002"),
        ({"role": "aunt"}, 422, "BK-2001"),
        ({"regions": [{"page": 1, "x": 0.5, "y": 0.1, "width": 0.6, "height": 0.1}]}, 422, "BK-2001"),
        ({"regions": [{"page": 0, "x": 0.5, "y": 0.1, "width": 0.1, "height": 0.1}]}, 422, "BK-2001"),
        ({"named_by": "officer:x"}, 422, "BK-2001"),
    ],
)
async def test_what_does_not_fit(home: Home, change: dict[str, Any], status: int, code: str) -> None:
    """A clear problem, and the list is as it was."""
    aunt = await person(home.world, home.officer, "Rina Simulasi", years_ago(40), 24)
    body = {"subject_ref": aunt, "role": "member", **change}
    answer = await home.officer.post(f"/v1/documents/{home.card}/subjects", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert len((await home.officer.get(f"/v1/documents/{home.card}/subjects")).json()["data"]) == 2


async def test_another_agency_does_not_name(home: Home) -> None:
    """Told like a paper that is not there; the refusal is on record."""
    other = await home.world.officer("POLRI")
    wife = await person(home.world, other, WIFE, years_ago(44), 22)
    there = await names(other, home.card, wife, "member")
    nowhere = await names(other, "d_01JD0000000000000000000000", wife, "member")
    assert (there.status_code, there.json()["code"]) == (404, "BK-4004")
    assert {k: v for k, v in there.json().items() if k != "request_id"} == {
        k: v for k, v in nowhere.json().items() if k != "request_id"
    }
    reasons = [entry["result"].get("reason") for entry in (await home.world.entries())[-2:]]
    assert reasons == ["paper_of_another_agency", "version_unknown"]


async def test_a_paper_with_one_subject_pays_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """performance.md: no trail is looked up, no entry and no row more than before."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    asked: list[object] = []
    monkeypatch.setattr(releases, "trails_of", lambda *a: asked.append(a))
    before = len(await world.entries())
    assert (await world.fetches(officer, ticket)).status_code == 200
    await world.outcomes()
    assert asked == []
    assert len(await world.entries()) == before + 2


async def test_who_is_named_takes_the_own_consents_back(home: Home) -> None:
    """An entry about another's consent that named her is no release under her own."""
    world = home.world
    officer = await world.officer()
    wife = await world.enrols(officer, nik_of(years_ago(44), 22), None)
    assert (await adds(officer, wife, "+6281200009922", "whatsapp")).status_code == 201
    await world.stores(officer, wife)
    asked = await world.asks(officer, wife)
    assert (await world.allows(asked["link"])).status_code == 200
    consent = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    ticket = await home.consented()
    assert (await world.fetches(home.officer, ticket)).status_code == 200
    await world.outcomes()
    taken = await officer.post(f"/v1/consents/{consent}/withdrawal", json={})
    assert taken.status_code == 200, taken.text
    (clock,) = await owed(officer, "answered")
    assert (clock["consent_id"], clock["answer"]) == (consent, "nothing_received")

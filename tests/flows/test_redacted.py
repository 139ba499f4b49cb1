"""A KK where the service may see one person: everybody else's rows are covered, or there is no copy (L18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image

from exchange import redactions, releases
from tests.flows.copying import leaves, problem_of, receipt_of
from tests.flows.family_world import names, person, years_ago
from tests.invariants import check_invariants
from tests.renditions.samples import drawn, paper, text_of
from tests.world import OfficerAt, World

FATHER, WIFE = "Hendra Purwarupa", "Lina Purwarupa"
SERVICE = "IMIGRASI.PASPOR_GANTI"
HEIGHT = 842
# Each person's row in a colour of its own, from y upwards in points; nobody ever writes the grandmother down.
ROWS = {"father": ("0 0 1", 700), "wife": ("0 0.7 0", 640), "grandmother": ("1 0 1", 580)}
_IS: dict[str, Callable[[int, int, int], bool]] = {
    "father": lambda red, green, blue: blue > 180 and red < 90 and green < 90,
    "wife": lambda red, green, blue: green > 120 and red < 90 and blue < 90,
    "grandmother": lambda red, green, blue: red > 180 and blue > 180 and green < 90,
}
EVERYBODY = {"x": 0.02, "y": (HEIGHT - 740) / HEIGHT, "width": 0.96, "height": 190 / HEIGHT}


def row_of(name: str, **more: float) -> dict[str, float]:
    """Where this row stands, in fractions of the page from its upper left corner."""
    top = (HEIGHT - ROWS[name][1] - 35) / HEIGHT
    return {"x": 0.05, "y": top, "width": 0.9, "height": 40 / HEIGHT} | more


def card(pages: int = 1, *, title: str = "") -> bytes:
    drawn_rows = b"".join(
        f"{colour} rg 40 {y} 500 30 re f BT /F1 12 Tf 1 g 60 {y + 10} Td ({name} 6472) Tj ET ".encode()
        for name, (colour, y) in ROWS.items()
    )
    return paper([drawn_rows + f"% {title}".encode()] * pages)


def seen(page: Image.Image) -> set[str]:
    """Whose row shows any of its colour."""
    small = page.convert("RGB").resize((298, 421), Image.Resampling.NEAREST).tobytes()
    pixels = list(zip(small[::3], small[1::3], small[2::3], strict=True))
    return {name for name, is_it in _IS.items() if sum(is_it(*pixel) for pixel in pixels) > 3}


@dataclass
class Home:
    world: World
    officer: OfficerAt
    father: str
    wife: str
    document: str = ""

    async def stored(self, content: bytes) -> None:
        answer = await self.world.stores(self.officer, self.father, "KK", content)
        assert answer.status_code == 201, answer.text
        self.document = answer.json()["document_id"]

    async def marks(self, *areas: dict[str, float], officer: OfficerAt | None = None) -> httpx.Response:
        at = officer or self.officer
        return await at.client.put(
            f"/v1/documents/{self.document}/subjects/areas",
            json={"areas": list(areas)},
            headers={"X-CSRF-Token": at.csrf},
        )

    async def named(self, who: str, reference: str, role: str, **more: float) -> None:
        regions = [row_of(who, **more)]
        answer = await names(self.officer, self.document, reference, role, regions=regions)
        assert answer.status_code == 201, answer.text

    async def ticket(self) -> dict[str, Any]:
        asked = await self.officer.post(
            "/v1/consent-requests",
            json={"subject_ref": self.father, "service": SERVICE, "documents": ["KK"]},
        )
        assert asked.status_code == 201, asked.text
        await self.world.allows(asked.json()["link"])
        state = (await self.officer.get(f"/v1/consent-requests/{asked.json()['id']}")).json()
        ticket = await self.officer.post("/v1/tickets", json={"consent_id": state["consent_id"]})
        assert ticket.status_code == 201, ticket.text
        return dict(ticket.json())

    async def refused(self, ticket: dict[str, Any], code: str, reason: str) -> None:
        answer = await self.world.fetches(self.officer, ticket)
        assert problem_of(answer) == (409, code)
        entry = (await self.world.entries())[-1]
        assert (entry["type"], entry["result"]) == ("release", {"allowed": False, "reason": reason})


@pytest.fixture
async def home(world: World) -> Home:
    leaves(world, SERVICE, KK="redacted")
    officer = await world.officer("IMIGRASI")
    father = await person(world, officer, FATHER, years_ago(46), 21)
    wife = await person(world, officer, WIFE, years_ago(44), 22, phone=False)
    made = Home(world, officer, father, wife)
    await made.stored(card())
    return made


async def _complete(home: Home) -> None:
    assert (await home.marks(EVERYBODY)).status_code == 200
    await home.named("father", home.father, "holder")
    await home.named("wife", home.wife, "spouse")


async def test_the_one_and_nobody_else(home: Home) -> None:
    """The wife, whom somebody wrote down, and the grandmother, whom nobody did, are covered; nothing is left to read out of the file."""
    assert seen(drawn(card())) == set(ROWS)
    await _complete(home)
    ticket = await home.ticket()
    assert ticket["documents"][0]["rendition"] == "redacted"
    answer = await home.world.fetches(home.officer, ticket)
    assert answer.status_code == 200, answer.text
    assert seen(drawn(answer.content)) == {"father"}
    assert text_of(answer.content).strip() == ""
    assert b"6472" not in answer.content
    told = receipt_of(answer)["doc"]
    assert told["rendition"] == "redacted"
    assert told["served_sha256"] != told["source_sha256"] == ticket["documents"][0]["sha256"]
    await home.world.outcomes()
    await check_invariants(home.world)


async def test_nothing_marked_no_copy(home: Home) -> None:
    """By its name, on record, alone and in a package; the whole card never goes in its place."""
    ticket = await home.ticket()
    await home.refused(ticket, "BK-4023", "people_not_marked")
    headers = {"Authorization": f"Bearer {ticket['ticket']}"}
    assert problem_of(await home.officer.client.post("/v1/packages", headers=headers)) == (409, "BK-4023")
    await home.named("father", home.father, "holder")
    await home.refused(ticket, "BK-4023", "people_not_marked")
    assert (await home.marks(EVERYBODY)).status_code == 200
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200


async def test_who_has_no_rows_of_their_own_gets_no_copy(home: Home) -> None:
    assert (await home.marks(EVERYBODY)).status_code == 200
    await home.named("wife", home.wife, "spouse")
    await home.refused(await home.ticket(), "BK-4023", "people_not_marked")


async def test_where_two_overlap_it_is_covered(home: Home) -> None:
    await _complete(home)
    await home.named("wife", home.wife, "spouse", y=row_of("father")["y"])
    answer = await home.world.fetches(home.officer, await home.ticket())
    assert seen(drawn(answer.content)) == set()


async def test_somebody_taken_off_the_list_stays_covered(home: Home) -> None:
    await _complete(home)
    path = f"/v1/documents/{home.document}/subjects/{home.wife}"
    gone = await home.officer.client.delete(path, headers={"X-CSRF-Token": home.officer.csrf})
    assert gone.status_code == 204
    answer = await home.world.fetches(home.officer, await home.ticket())
    assert seen(drawn(answer.content)) == {"father"}


async def test_a_page_that_nobody_marked_is_covered_whole(home: Home) -> None:
    await home.stored(card(2))
    await _complete(home)
    answer = await home.world.fetches(home.officer, await home.ticket())
    assert [seen(drawn(answer.content, page)) for page in range(2)] == [{"father"}, set()]


async def test_a_newer_copy_begins_without_marks(home: Home) -> None:
    await _complete(home)
    await home.stored(card(title="newer"))
    await home.refused(await home.ticket(), "BK-4023", "people_not_marked")


async def test_marks_that_change_meanwhile(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read for the drawing is what the batch judges; then the fetch is tried again."""
    await _complete(home)
    ticket = await home.ticket()
    looked = redactions.redaction_of

    async def changed_after(*given: Any) -> Any:
        read = await looked(*given)
        assert (await home.marks(EVERYBODY, row_of("wife"))).status_code == 200
        return read

    with monkeypatch.context() as patch:
        patch.setattr(releases, "redaction_of", changed_after)
        await home.refused(ticket, "BK-4012", "subjects_changed")
    assert (await home.world.fetches(home.officer, ticket)).status_code == 200


async def test_who_may_mark(home: Home) -> None:
    """Officers of the agency that took it in; an entry of the holder's; another agency's paper is not there."""
    other = await home.world.officer("POLRI")
    assert problem_of(await home.marks(EVERYBODY, officer=other)) == (404, "BK-4004")
    assert (await home.world.entries())[-1]["result"]["reason"] == "paper_of_another_agency"
    assert problem_of(await home.marks())[0] == 422
    assert problem_of(await home.marks(row_of("wife", width=1.2)))[0] == 422
    answer = await home.marks(EVERYBODY, row_of("wife"))
    assert answer.json() == {"document_id": home.document, "version": 1, "areas": 2}
    entry = (await home.world.entries())[-1]
    assert (entry["type"], entry["act"], entry["areas"]) == ("intake", "areas_marked", 2)

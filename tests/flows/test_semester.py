"""The semester report of one agency, counted from the ledger (L38: Permendagri 102/2019; N12)."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.deps import clock
from exchange.flows import report_semester
from exchange.pages.semester import semester_pdf
from exchange.semester import (
    Cell,
    Distinct,
    Tally,
    exact,
    published,
    semester_bounds,
    semester_rows,
    small_groups,
)
from tests.commands import berkas
from tests.flows.replicas import environment_of
from tests.flows.test_administration import Admin, admin, last, told
from tests.flows.test_audit import auditor
from tests.world import NIK, OTHER_NIK, OfficerAt, World

__all__ = ["auditor"]

AGENCY = "DPMPTSP@6472"
REPORT = "/v1/reports/semester"


def event(**members: Any) -> dict[str, Any]:
    return {
        "type": "release",
        "agency": AGENCY,
        "t": "2026-08-01T00:00:00.000Z",
        "result": {"allowed": True},
        **members,
    }


def test_a_half_year_is_the_sites() -> None:
    """The first of July at midnight in Samarinda is the last day of June in UTC."""
    begins, ends = semester_bounds(2026, 2, "Asia/Makassar")
    assert begins == datetime(2026, 6, 30, 16, tzinfo=UTC)
    assert ends == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert semester_bounds(2026, 1, "Asia/Makassar")[1] == begins
    assert semester_bounds(2027, 1, "Asia/Makassar")[0] == ends


def test_what_is_counted() -> None:
    tally = Tally(AGENCY)
    tally.take("a", event(service="S", lawful_basis="consent"))
    tally.take("a", event(type="readiness", service="S"))
    tally.take("b", event(type="ticket", result={"allowed": False, "reason": "consent_withdrawn"}))
    tally.take("c", event(agency="POLRI@6472"))
    tally.take("site", event(type="officer", act="sign_in"))
    told_ = exact(tally)
    assert told_["allowed_by_type"] == {"officer": 1, "readiness": 1, "release": 1}
    assert told_["refused_by_type"] == {"ticket": 1}
    assert told_["refused_by_reason"] == {"consent_withdrawn": 1}
    assert told_["by_service"] == {"S": 2}
    assert told_["by_basis"] == {"consent": 1}
    assert told_["citizens_reached"] == 1


def test_answers_in_time() -> None:
    """72 real hours (L22); a withdrawal that stands on two trails is one; what nobody answered is told."""
    tally = Tally(AGENCY)
    came = datetime(2026, 8, 1, tzinfo=UTC)
    for number in ("wd_1", "wd_1", "wd_2", "wd_3"):
        tally.take("a", event(type="withdraw", withdrawal=number, t=came.isoformat()))
    for number, hours in (("wd_1", 72), ("wd_2", 73)):
        at = (came + timedelta(hours=hours)).isoformat()
        tally.take("a", event(type="withdraw", act="answer", withdrawal=number, t=at))
    assert exact(tally)["withdrawals"] == {
        "received": 3,
        "answered": 2,
        "answered_late": 1,
        "not_answered": 1,
    }


@given(st.lists(st.integers(0, 400), max_size=2_000))
def test_people_are_counted_once(numbers: list[int]) -> None:
    """Sorted in pieces, merged, without twins; seen failing with a merge that keeps them."""
    distinct = Distinct()
    distinct._settle()
    for place, number in enumerate(numbers):
        distinct.add(str(number))
        if place % 97 == 0:
            distinct._settle()
    assert len(distinct) == len(set(numbers))


@given(st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 40)))
def test_a_small_group_does_not_follow_from_the_sum(people: dict[str, int]) -> None:
    """N12: who knows the sum and all that is told knows no group of fewer than ten persons; seen failing without the second row."""
    serial = itertools.count()
    table = {row: Cell() for row in people}
    for row, number in people.items():
        for _ in range(number):
            table[row].add(str(next(serial)))
    hidden = small_groups(table)
    assert {row for row, number in people.items() if number < 10} <= hidden
    untold = sum(people[row] for row in hidden)
    assert not hidden or untold >= 10 or len(hidden) == len(people)
    if len(people) > 1:
        assert len(hidden) != 1


def test_one_busy_person_is_a_small_group() -> None:
    """Fifty accesses to one citizen's papers are not a crowd."""
    tally = Tally(AGENCY)
    for _ in range(50):
        tally.take("a", event(service="S", lawful_basis="consent"))
    told_ = published(tally)
    assert told_["by_service"] == {"S": None}
    assert told_["citizens_reached"] is None
    assert exact(tally)["by_service"] == {"S": 50}
    for number in range(10):
        tally.take(f"b{number}", event(service="S", lawful_basis="consent"))
    assert published(tally)["by_service"] == {"S": 60}


async def report(at: OfficerAt, **more: Any) -> dict[str, Any]:
    now = clock() + timedelta(hours=8)
    half = 1 if now.month < 7 else 2
    answer = await at.get(REPORT, params={"year": now.year, "half": half, "agency": AGENCY, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_report_of_an_agency(world: World, auditor: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted from the ledger as a plain look over it would count; the same for the agency's own supervisor; the same again at the same
    size of the log; without small groups where it is published.
    """
    officer, police = await world.officer(), await world.officer("POLRI")
    _, ticket = await world.consented(officer)
    await world.fetches(officer, ticket)
    await world.outcomes()
    await world.stores(police, await world.enrols(police, OTHER_NIK, "+6281200009902"))
    assert (
        await officer.post("/v1/tickets", json={"consent_id": "c_01JD0000000000000000000000"})
    ).status_code == 404
    own = await admin(world, "pengawas", "supervisor")
    monkeypatch.setattr("storage.ledger.audit.WINDOW", 7)
    told_ = await report(auditor.at)
    entries = (await world.entries())[: told_["log"]["size"]]
    plain = [entry for entry in entries if entry.get("agency") == AGENCY]
    counted: dict[str, int] = {}
    for entry in plain:
        if entry["result"]["allowed"]:
            counted[entry["type"]] = counted.get(entry["type"], 0) + 1
    assert told_["allowed_by_type"] == dict(sorted(counted.items()))
    assert told_["refused_by_reason"] == {"consent_unknown": 1}
    assert told_["citizens_reached"] == 1
    assert told_["complete"] is False
    assert told_["entries"] == len(entries)
    assert told_["log"]["root"]
    note = await last(world)
    assert (note["act"], note["of_agency"], note["log_size"]) == ("report", AGENCY, told_["log"]["size"])
    assert NIK not in json.dumps(told_)
    mine = await report(own.at)
    assert mine["by_service"] == told_["by_service"]
    again = await report_semester.report(
        world.parts.database, world.parts.keyring, world.parts.appender, now=clock(), size=told_["log"]["size"],
        semester=report_semester.Semester(AGENCY, told_["year"], told_["half"], world.parts.zone),
    )  # fmt: skip
    assert again == told_
    assert (await last(world))["actor"] == "operator"
    open_ = await report(auditor.at, published="yes")
    assert open_["citizens_reached"] is None
    assert set(open_["by_service"].values()) == {None}
    pdf = semester_pdf(told_)
    assert pdf.startswith(b"%PDF")
    assert pdf == semester_pdf(told_)
    assert ("citizens", "reached", "1") in semester_rows(told_)
    assert ("citizens", "reached", "< 10") in semester_rows(open_)


async def test_reports_that_are_refused(
    world: World, auditor: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another agency's, one that is not there, a half year to come, and one that holds more than an answer may count."""
    own = await admin(world, "pengawas", "dpo")
    year = clock().year
    for agency in ("POLRI@6472", "TIDAKADA@6472"):
        answer = await own.at.get(REPORT, params={"year": year, "half": 1, "agency": agency})
        assert told(answer) == (403, "BK-1017")
    unknown = await auditor.at.get(REPORT, params={"year": year, "half": 1, "agency": "TIDAKADA@6472"})
    assert told(unknown) == (422, "BK-1009")
    ahead = await own.at.get(REPORT, params={"year": year + 1, "half": 2})
    assert told(ahead) == (422, "BK-2144")
    assert (await last(world))["result"]["reason"] == "semester_in_the_future"
    for wrong in ({"half": 3}, {"year": 1999}, {"published": "maybe"}):
        assert told(await own.at.get(REPORT, params={"year": year, "half": 1, **wrong})) == (422, "BK-2001")
    monkeypatch.setattr(report_semester, "AT_ONCE", 2)
    half = 1 if (clock() + timedelta(hours=8)).month < 7 else 2
    large = await own.at.get(REPORT, params={"year": year, "half": half})
    assert told(large) == (409, "BK-2143")
    assert (await last(world))["result"]["reason"] == "period_too_large"


async def test_the_report_from_the_command_line(world: World, tmp_path: Path) -> None:
    """The same numbers in four forms, all at the size of the first; on standard error how far it is; an agency that is not there is one sentence."""
    officer = await world.officer()
    await world.stores(officer, await world.enrols(officer))
    now = clock() + timedelta(hours=8)
    asked = ["--agency", AGENCY, "--year", str(now.year), "--half", "1" if now.month < 7 else "2"]
    environment = environment_of(world, 1)

    async def ran(*more: str, code: int = 0) -> str:
        done = await asyncio.to_thread(
            berkas, "report", "semester", *asked, *more, env=environment, cwd=tmp_path
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    told_ = json.loads(await ran("--json"))
    assert told_["by_service"] == {}
    assert told_["allowed_by_type"]["intake"] == 1
    again = ["--log-size", str(told_["log"]["size"])]
    rows = list(csv.reader(io.StringIO(await ran("--csv", *again))))
    assert [tuple(row) for row in rows] == semester_rows(told_)
    plain = await ran(*again, "--open", "--pdf", str(tmp_path / "laporan.pdf"), "--csv")
    assert "citizens,reached,< 10" in plain
    assert (tmp_path / "laporan.pdf").read_bytes().startswith(b"%PDF")
    asked[1] = "TIDAKADA@6472"
    assert "BK-1009" in await ran(code=1)

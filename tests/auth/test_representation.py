"""The judges of who may decide for another, with a clock that walks (M19, L12; UU 27/2022 art. 25)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from auth.representation import (
    Ages,
    Rules,
    judge_evidence,
    judge_letter,
    judge_naming,
    judge_relation,
    judge_self,
    reaches,
)

ZONE = "Asia/Makassar"
PLAIN = Rules(not_delegable=False, guardian_consent=False)
FOR_CHILDREN = Rules(not_delegable=True, guardian_consent=True)
BORN = date(2010, 3, 14)
CHILD = Ages(reaches(BORN, 17, ZONE), reaches(BORN, 18, ZONE))
GROWN_UP = Ages(None, None)
AT_17 = datetime(2027, 3, 13, 16, tzinfo=UTC)  # midnight WITA of 14 March
AT_18 = datetime(2028, 3, 13, 16, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Paper:
    document_id: str = "d"
    version: int = 1
    subject_ref: str = "child"
    type: str = "AKTA_LAHIR"
    state: str = "ready"
    sha256: str = "aa"
    valid_until: date | None = None
    stale_event: str | None = None
    subjects: str = ""


@dataclass(frozen=True)
class Named:
    subject_ref: str
    role: str
    child_of: str = "[]"
    named: bool = True
    named_by: str = "officer:a"


PEOPLE = (Named("mother", "parent"), Named("child", "holder", json.dumps(["mother", "father"])))


def test_a_birthday_begins_at_the_midnight_of_the_site() -> None:
    assert reaches(BORN, 17, ZONE) == AT_17
    assert reaches(BORN, 18, ZONE) == AT_18
    assert reaches(date(2008, 2, 29), 18, ZONE) == datetime(2026, 2, 28, 16, tzinfo=UTC)  # 1 March WITA
    assert reaches(date(2008, 2, 29), 20, ZONE) == datetime(2028, 2, 28, 16, tzinfo=UTC)  # 29 February WITA
    assert reaches(None, 18, ZONE) is None


@pytest.mark.parametrize(
    ("at", "alone", "for_children", "parent", "parent_with_card"),
    [
        (AT_17 - MOMENT, False, False, True, True),
        (AT_17, True, False, True, False),
        (AT_18 - MOMENT, True, False, True, False),
        (AT_18, True, True, False, False),
    ],
)
def test_who_decides_by_the_clock(
    at: datetime, alone: bool, for_children: bool, parent: bool, parent_with_card: bool
) -> None:
    assert judge_self(CHILD, PLAIN, at).allowed is alone
    assert judge_self(CHILD, FOR_CHILDREN, at).allowed is for_children
    for has_card, allowed in ((False, parent), (True, parent_with_card)):
        verdict = judge_relation("parent", CHILD, GROWN_UP, PLAIN, has_card=has_card, now=at)
        assert verdict.allowed is allowed
        assert verdict.allowed or verdict.reason == "decides_alone"


def test_a_letter_and_a_curator_are_for_grown_ups() -> None:
    for relation, at, allowed in (
        ("power_of_attorney", AT_17 - MOMENT, False),
        ("power_of_attorney", AT_17, True),
        ("curator", AT_18 - MOMENT, False),
        ("curator", AT_18, True),
    ):
        verdict = judge_relation(relation, CHILD, GROWN_UP, PLAIN, has_card=True, now=at)
        assert verdict.allowed is allowed, (relation, at)
    refused = judge_relation("power_of_attorney", GROWN_UP, GROWN_UP, FOR_CHILDREN, has_card=True, now=AT_18)
    assert refused.reason == "not_delegable"
    assert judge_relation("curator", GROWN_UP, GROWN_UP, FOR_CHILDREN, has_card=True, now=AT_18).allowed


def test_a_child_decides_for_nobody() -> None:
    for relation in ("parent", "guardian", "curator", "power_of_attorney"):
        refused = judge_relation(relation, GROWN_UP, CHILD, PLAIN, has_card=True, now=AT_18 - MOMENT)
        assert refused.reason == "decider_too_young"


def _shown(
    paper: Paper = Paper(), people: tuple[Named, ...] = PEOPLE, relation: str = "parent", **more: str
) -> str:
    verdict = judge_evidence(
        relation,
        "child",
        more.pop("decider", "mother"),
        [(paper, "aa", people)],
        today=date(2026, 11, 24),
        asker=more.get("asker"),
    )
    return verdict.reason or "shown"


@pytest.mark.parametrize(
    ("paper", "expected"),
    [
        (Paper(), "shown"),
        (Paper(type="KK", subject_ref="father"), "shown"),
        (Paper(type="KTP"), "relation_not_shown"),
        (Paper(state="superseded"), "evidence_changed"),
        (Paper(sha256="bb"), "evidence_changed"),
        (Paper(stale_event="name_change"), "evidence_changed"),
        (Paper(valid_until=date(2026, 11, 23)), "evidence_expired"),
        (Paper(valid_until=date(2026, 11, 24)), "shown"),
    ],
)
def test_the_paper(paper: Paper, expected: str) -> None:
    assert _shown(paper) == expected


@pytest.mark.parametrize(
    ("people", "decider", "expected"),
    [
        (PEOPLE, "mother", "shown"),
        (
            PEOPLE,
            "father",
            "relation_not_shown",
        ),  # printed as the father, but nobody said who that is on this copy
        (PEOPLE, "stranger", "relation_not_shown"),
        ((PEOPLE[1],), "mother", "relation_not_shown"),
        ((PEOPLE[0], Named("child", "holder", '["mother"]', named=False)), "mother", "relation_not_shown"),
        ((PEOPLE[0], Named("child", "holder")), "mother", "relation_not_shown"),
        ((PEOPLE[0], Named("child", "holder", '["mother2"]')), "mother", "relation_not_shown"),
    ],
)
def test_whom_it_names(people: tuple[Named, ...], decider: str, expected: str) -> None:
    assert _shown(people=people, decider=decider) == expected


def test_a_ruling_and_a_letter_are_the_subjects_own() -> None:
    people = (Named("mother", "guardian"),)
    assert _shown(Paper(type="PENETAPAN"), people, "guardian") == "shown"
    assert _shown(Paper(type="PENETAPAN"), people, "curator") == "relation_not_shown"
    assert _shown(Paper(type="PENETAPAN", subject_ref="other"), people, "guardian") == "relation_not_shown"
    proxy = (Named("mother", "proxy"),)
    assert _shown(Paper(type="SURAT_KUASA"), proxy, "power_of_attorney") == "letter_without_end"
    dated = Paper(type="SURAT_KUASA", valid_until=date(2026, 12, 1))
    assert _shown(dated, proxy, "power_of_attorney") == "shown"


def test_who_wrote_it_down_does_not_ask() -> None:
    """The rule of production: one officer alone makes no parent."""
    assert _shown(asker="officer:a") == "named_by_the_asker"
    assert _shown(asker="officer:b") == "shown"


def test_no_paper_shows_nothing() -> None:
    nothing = judge_evidence("parent", "child", "mother", [], today=date(2026, 11, 24))
    assert nothing.reason == "relation_not_shown"


def test_one_letter_one_service() -> None:
    assert judge_letter(set(), "A.B").allowed
    assert judge_letter({"A.B"}, "A.B").allowed
    assert judge_letter({"A.C"}, "A.B").reason == "letter_for_another_purpose"


@pytest.mark.parametrize(
    ("person", "role", "child_of", "expected"),
    [
        ("aunt", "member", [], None),
        ("child", "holder", ["mother"], None),
        ("child", "child", [], "role_unfit"),
        ("aunt", "holder", [], "role_unfit"),
        ("aunt", "child", ["aunt"], "role_unfit"),
        ("aunt", "child", ["stranger"], "parent_not_named"),
        ("aunt", "child", ["mother", "child", "mother"], "parent_not_named"),
    ],
)
def test_naming(person: str, role: str, child_of: list[str], expected: str | None) -> None:
    verdict = judge_naming("child", PEOPLE, subject_ref=person, role=role, child_of=child_of)
    assert verdict.reason == expected


def test_forty_people_are_enough() -> None:
    crowd = [Named(f"p{number}", "member") for number in range(39)]
    assert judge_naming("child", crowd, subject_ref="p1", role="member", child_of=[]).allowed
    refused = judge_naming("child", crowd, subject_ref="late", role="member", child_of=[])
    assert refused.reason == "too_many_named"

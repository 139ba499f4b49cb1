"""Which contact may carry a one-time code, and how often contacts may change (A27): the judges alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from auth.contacts import (
    CONTACTS_OF_ONE_CITIZEN,
    REST,
    ContactRules,
    citizens_sharing,
    judge_addition,
    judge_contacts,
    judge_means,
    judge_passkey,
    judge_removal,
    serving,
)

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ON, OFF = ContactRules(REST, other_setter=True), ContactRules(timedelta(0), other_setter=False)
A, B = "officer:off_a", "officer:off_b"


@dataclass(frozen=True)
class Row:
    id: str
    set_by: str
    set_at: datetime
    removed_at: datetime | None = None
    channel: str = "whatsapp"
    value_index: str = "one"
    subject_ref: str = "sbj_1"


@dataclass(frozen=True)
class Key:
    added_at: datetime
    active: bool = True
    set_by: str = A


def row(name: str, by: str, hours_ago: float, **more: object) -> Row:
    return Row(name, by, NOW - timedelta(hours=hours_ago), **more)  # type: ignore[arg-type]  # fields of Row


OLD, NEW = row("old", A, 100), row("new", B, 1)


@pytest.mark.parametrize(
    ("contacts", "asked_by", "serve", "reason"),
    [
        ([], A, [], "no_contact"),
        ([row("x", B, 71.99)], A, [], "contact_too_new"),  # the first one is a change too
        ([row("x", B, 72)], A, ["x"], None),
        ([row("x", A, 72)], A, [], "contact_set_by_asker"),
        ([row("x", A, 1)], A, [], "contact_set_by_asker"),  # waiting will not help
        ([OLD, NEW], B, ["old"], None),  # an earlier one serves meanwhile
        ([OLD, NEW], A, [], "contact_too_new"),  # the old one is the asker's, the new one only rests
        ([OLD, NEW], None, ["old"], None),  # a citizen's own link: nobody asks
        ([row("y", B, 90), OLD], None, ["y", "old"], None),  # newest first
        ([row("x", B, 100, removed_at=NOW)], A, [], "no_contact"),
    ],
)
def test_which_serves(
    contacts: list[Row], asked_by: str | None, serve: list[str], reason: str | None
) -> None:
    assert [one.id for one in serving(contacts, ON, asked_by, NOW)] == serve
    assert judge_contacts(contacts, ON, asked_by, NOW).reason == reason


def test_where_the_rules_are_off_the_newest_serves() -> None:
    assert [one.id for one in serving([OLD, NEW], OFF, B, NOW)] == ["new", "old"]
    assert judge_contacts([NEW], OFF, B, NOW).allowed
    assert judge_contacts([], OFF, B, NOW).reason == "no_contact"


def test_each_rule_alone() -> None:
    rest, setter = ContactRules(REST, other_setter=False), ContactRules(timedelta(0), other_setter=True)
    assert judge_contacts([OLD], rest, A, NOW).allowed
    assert not judge_contacts([NEW], rest, A, NOW).allowed
    assert judge_contacts([NEW], setter, A, NOW).allowed
    assert not judge_contacts([OLD], setter, A, NOW).allowed


def test_a_passkey_takes_the_place_of_a_contact_when_it_has_rested() -> None:
    old, new = Key(NOW - REST), Key(NOW - REST + timedelta(seconds=1))
    assert judge_means([], [old], ON, B, NOW).allowed
    assert judge_means([], [new], ON, B, NOW).reason == "no_contact"
    assert judge_passkey(new, ON, B, NOW).reason == "passkey_too_new"


def test_a_passkey_from_an_officers_contact_serves_everybody_but_that_officer() -> None:
    old, of_the_state = Key(NOW - REST), Key(NOW - REST, set_by="")
    assert judge_passkey(old, ON, A, NOW).reason == "contact_set_by_asker"
    assert judge_means([], [old], ON, A, NOW).reason == "no_contact"
    assert judge_passkey(old, ON, None, NOW).allowed  # the citizen's own link
    assert judge_passkey(old, OFF, A, NOW).allowed
    assert judge_passkey(of_the_state, ON, A, NOW).allowed


def test_a_passkey_that_was_removed_serves_nobody() -> None:
    assert judge_means([NEW], [Key(NOW - REST, active=False)], ON, A, NOW).reason == "contact_too_new"


def test_how_often_contacts_change() -> None:
    """Three a day; what was added and removed again counts, else a row of numbers could be tried."""
    assert judge_addition([], "sms", "one", NOW).allowed
    assert judge_addition([NEW], "whatsapp", "one", NOW).reason == "contact_exists"
    assert judge_addition([NEW], "sms", "one", NOW).allowed  # the same phone by another channel
    gone = [row(f"g{n}", A, 23, removed_at=NOW, value_index="") for n in range(3)]
    assert judge_addition(gone, "sms", "one", NOW).reason == "contacts_spent"
    assert judge_addition(gone[:2], "sms", "one", NOW).allowed
    assert judge_addition(gone, "sms", "one", NOW + timedelta(hours=1)).allowed
    full = [row(f"f{n}", A, 100, value_index=str(n)) for n in range(CONTACTS_OF_ONE_CITIZEN)]
    assert judge_addition(full, "sms", "one", NOW).reason == "contacts_full"
    assert judge_removal(full, "f0", NOW).allowed
    assert judge_removal(full, "x", NOW).reason == "contact_unknown"
    assert judge_removal(gone, "g0", NOW).reason == "contact_unknown"
    assert judge_removal([*full, *gone], "f0", NOW).reason == "contacts_spent"


def test_who_shares_a_value() -> None:
    rows = [NEW, row("z", A, 1, subject_ref="sbj_2"), row("w", A, 1, subject_ref="sbj_2", channel="sms")]
    assert citizens_sharing(rows, "sbj_1") == 2
    assert citizens_sharing(rows, "sbj_3") == 3
    assert citizens_sharing([row("z", A, 1, subject_ref="sbj_2", removed_at=NOW)], "sbj_1") == 1

"""Which entries each flow adds: nothing is added that nobody declared, and the document says what is true."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from exchange.entry_kinds import KINDS, MEMBERS, faults
from storage.ledger import entry
from tests.entries import DOCUMENT, added_by_module, added_in, document

# Types that stand in no literal of their own.
BY_ANOTHER_WAY = {
    "redelivery": "exchange/releases.py: the second name of a release",
}
# Acts that a module takes from elsewhere are held by the wire; literals that are no act of an entry are named here.
NO_ACTS = {
    "exchange/flows/four_eyes.py": {"appoint", "reset_password", "take_away_factor", "resume_agency"},
}


def test_every_type_that_is_added_is_declared() -> None:
    """Seen failing with a flow that adds ``Event("peek", ...)``, and with a type in the table that nobody adds."""
    added = {name for types, _acts in added_by_module().values() for name in types}
    assert sorted(added - set(KINDS)) == []
    assert sorted(set(KINDS) - added - set(BY_ANOTHER_WAY)) == []


def test_every_act_is_declared() -> None:
    undeclared = {
        module: sorted(wrong)
        for module, (types, acts) in added_by_module().items()
        if (wrong := acts - {act for name in types for act in KINDS[name].acts} - NO_ACTS.get(module, set()))
    }
    assert undeclared == {}


def test_the_document_is_what_the_table_and_the_code_say() -> None:
    """A flow that adds another type changes the document: it is written anew and read by a person."""
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "make entries"


def test_the_table_is_complete() -> None:
    for name, kind in KINDS.items():
        assert kind.what, name
        assert all(kind.acts.values()), f"{name}: an act without words"
        assert all(kind.sometimes.values()), f"{name}: a member without its when"
        assert not set(kind.always.split()) & set(kind.sometimes), name
    used = {member for kind in KINDS.values() for member in kind.may_have()}
    assert set(MEMBERS) <= used
    assert entry.EVENT_VERSION == 1, "raised? then the table needs the new meaning beside the old one"


def _event(**changed: Any) -> dict[str, Any]:
    base = {"v": 1, "t": "", "type": "readiness", "subject": "pw:x", "subject_seq": 1, "actor": "officer:o",
            "result": {"allowed": True}, "agency": "A@6472", "counter": "1", "service": "S"}  # fmt: skip
    return {name: value for name, value in {**base, **changed}.items() if value is not None}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"type": "peek"}, ["peek: no such type"]),
        ({"act": "peeked"}, ["readiness: act peeked", "readiness/peeked: member act"]),
        ({"name": "Warga"}, ["readiness/: member name"]),
        ({"service": None}, ["readiness/: without service"]),
        ({"service": None, "names_you": True}, []),
        ({"service": None, "result": {"allowed": False, "reason": "role_missing"}}, []),
        ({"actor": "citizen"}, ["readiness/: actor citizen"]),
        ({"type": "ticket", "consent": "c", "ticket": "t", "lawful_basis": "consent", "document_types": [], "subject": "site"}, []),
        ({"type": "preview", "act": "shown", "counter": None, "actor": "citizen", "request": "r", "document_type": "KTP", "doc": {}, "subject": "site"},
         ["preview/shown: on the trail of site"]),
    ],
)  # fmt: skip
def test_the_wire_sees(changed: dict[str, Any], said: list[str]) -> None:
    assert faults(_event(**changed)) == said


@pytest.mark.parametrize(
    ("source", "types", "acts"),
    [
        ('Event("peek", trail, actor, {"act": "in"})', {"peek"}, {"in"}),
        ('work.Event(trail=t, type="peek")', {"peek"}, set()),
        ('Work(kind="grant" if x else "refuse")', {"grant", "refuse"}, set()),
        ('refusal("hold", trail, by, v, caller_details(by, act="placed"))', {"hold"}, {"placed"}),
        (
            'administer(k, a, "officer", {"act": "approve" if x else "reject"})',
            {"officer"},
            {"approve", "reject"},
        ),
        ('demand_right(k, a, by, R, kind="breach", act="look")', {"breach"}, {"look"}),
        ('print("release")', set(), set()),
    ],
)
def test_the_list_sees(source: str, types: set[str], acts: set[str]) -> None:
    assert added_in(ast.parse(source)) == (types, acts)

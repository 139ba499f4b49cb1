"""The ticket: its claims on the wire, and every way in which they can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest

from auth.tokens import TICKET, Ticket, TicketDocument, TokenRefused, issue_ticket, read_ticket
from tests.auth.forging import (
    NOW,
    NOW_S,
    forge,
    fresh_desk,
    good_claims,
    ticket_claims,
    ticket_doc,
    ulid,
)
from tests.auth.test_tokens_desk import thawed

JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
MACHINE: dict[str, Any] = {"act_sub": None, "act_sid": None, "act_counter": None}
MACHINE |= {"client_id": "dpmptsp-oss", "cnf_jkt": JKT}


def test_on_the_wire_it_is_what_the_protocol_says() -> None:
    desk = fresh_desk()
    token = issue_ticket(desk, ticket_claims(documents=2), NOW)
    expected = good_claims(TICKET) | {"docs": [ticket_doc(0), ticket_doc(1)]}
    assert thawed(desk.verify(TICKET, token, NOW)) == expected


def test_read_back_it_says_what_was_put_in() -> None:
    claims = ticket_claims(documents=3)
    ticket = fresh_desk().ticket(issue_ticket(fresh_desk(), claims, NOW), NOW)
    assert isinstance(ticket, Ticket)
    assert all(getattr(ticket, name) == getattr(claims, name) for name in claims.__dataclass_fields__)
    assert ticket.docs[0] == TicketDocument(**ticket_doc(0))
    with pytest.raises((FrozenInstanceError, TypeError)):
        ticket.expires_at = NOW  # type: ignore[misc]


def test_a_clients_ticket_is_bound_to_its_key() -> None:
    desk = fresh_desk()
    ticket = desk.ticket(issue_ticket(desk, ticket_claims(**MACHINE), NOW), NOW)
    assert (ticket.cnf_jkt, ticket.client_id, ticket.act_sub, ticket.act_sid) == (
        JKT,
        "dpmptsp-oss",
        None,
        None,
    )
    attended = ticket_claims(**MACHINE | {"act_sub": "officer:0192", "act_counter": "Loket 3"})
    assert desk.ticket(issue_ticket(desk, attended, NOW), NOW).act_sub == "officer:0192"


@pytest.mark.parametrize("documents", [1, 12, 50])
def test_fits_the_limits(documents: int) -> None:
    desk = fresh_desk()
    token = issue_ticket(desk, ticket_claims(documents=documents), NOW)
    assert len(token) <= TICKET.max_characters
    assert len(desk.ticket(token, NOW).docs) == documents


def test_fractions_of_a_second_are_cut() -> None:
    odd = NOW + timedelta(microseconds=987_654)
    claims = ticket_claims(issued_at=odd, expires_at=odd + timedelta(seconds=300))
    ticket = fresh_desk().ticket(issue_ticket(fresh_desk(), claims, odd), odd)
    assert (ticket.issued_at, ticket.expires_at) == (NOW, NOW + timedelta(seconds=300))


UNISSUABLE: dict[str, dict[str, Any]] = {
    "a life of 301 s": {"expires_at": NOW + timedelta(seconds=301)},
    "over at once": {"expires_at": NOW},
    "no documents": {"docs": ()},
    "51 documents": {"docs": tuple(TicketDocument(**ticket_doc(number)) for number in range(51))},
    "a document twice": {"docs": (TicketDocument(**ticket_doc(1)),) * 2},
    "session and key": {"cnf_jkt": JKT, "client_id": "dpmptsp-oss"},
    "neither session nor key": {"act_sid": None},
    "nobody at all": {"act_sid": None, "act_sub": None, "act_counter": None},
    "a session of nobody": {"act_sub": None},
    "a session at no counter": {"act_counter": None},
    "a key of nobody": MACHINE | {"client_id": None},
    "an officer of a client": {"client_id": "dpmptsp-oss"},
    "a session id of another kind": {"act_sid": ulid("t")},
    "a counter with a line break": {"act_counter": "Loket 3\nx"},
    "an application number of 129 characters": {"application_no": "x" * 129},
    "an empty application number": {"application_no": ""},
    "a citizen with a space": {"sub": "pw: x"},
    "a consent hash in capitals": {"consent_sha256": "AB" * 32},
    "a negative revision": {"consent_rev": -1},
}


@pytest.mark.parametrize("name", UNISSUABLE)
def test_is_not_issued_with(name: str) -> None:
    with pytest.raises(ValueError, match=r"signed|over before"):
        issue_ticket(fresh_desk(), ticket_claims(**UNISSUABLE[name]), NOW)


def test_is_not_issued_when_it_is_over() -> None:
    """A batch that waited longer than the ticket would live."""
    with pytest.raises(ValueError, match="over before"):
        issue_ticket(fresh_desk(), ticket_claims(), NOW + timedelta(seconds=300))
    issue_ticket(fresh_desk(), ticket_claims(), NOW + timedelta(seconds=299))


def with_doc(**changes: Any) -> Callable[[], dict[str, Any]]:
    changed = {name: value for name, value in (ticket_doc(1) | changes).items() if value is not ...}
    return lambda: {"docs": [changed]}


def with_act(**changes: Any) -> Callable[[], dict[str, Any]]:
    act = good_claims(TICKET)["act"] | changes
    return lambda: {"act": {name: value for name, value in act.items() if value is not ...}}


def with_consent(**changes: Any) -> Callable[[], dict[str, Any]]:
    consent = good_claims(TICKET)["consent"] | changes
    return lambda: {"consent": {name: value for name, value in consent.items() if value is not ...}}


def plainly(**changes: Any) -> Callable[[], dict[str, Any]]:
    return lambda: changes


MALFORMED: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "jti of another kind": ("ticket_id", plainly(jti=ulid("c"))),
    "jti with a letter no ULID has": ("ticket_id", plainly(jti="t_" + "U" * 26)),
    "jti in small letters": ("ticket_id", plainly(jti="t_01jd7xkq000000000000000000")),
    "jti with a line break": ("jti", plainly(jti=ulid("t") + "\n")),
    "an unknown member": ("ticket_members", plainly(scope="everything")),
    "two uses": ("ticket_uses", plainly(max_uses_per_doc=2)),
    "true uses": ("ticket_uses", plainly(max_uses_per_doc=True)),
    "agency a list": ("ticket_agency", plainly(agency=["DPMPTSP@6472"])),
    "agency with a space": ("ticket_agency", plainly(agency="DPMPTSP 6472")),
    "purpose empty": ("ticket_purpose", plainly(purpose="")),
    "sub a list": ("sub", plainly(sub=["pw:x"])),
    "application_no null": ("ticket_application", plainly(application_no=None)),
    "application_no with RTL override": ("ticket_application", plainly(application_no="a\u202eb")),
    "consent a string": ("ticket_consent", plainly(consent=ulid("c"))),
    "consent without rev": ("ticket_consent", with_consent(rev=...)),
    "consent with more": ("ticket_consent", with_consent(epoch=1)),
    "consent.rev true": ("ticket_consent", with_consent(rev=True)),
    "consent.rev a string": ("ticket_consent", with_consent(rev="1")),
    "consent.id of another kind": ("ticket_consent", with_consent(id=ulid("cr"))),
    "act null": ("ticket_holder", plainly(act=None)),
    "act a string": ("ticket_holder", plainly(act="officer:0192")),
    "act with more": ("ticket_holder", with_act(act={"sub": "officer:2"})),
    "act without sid": ("ticket_holder", with_act(sid=...)),
    "act.sid empty": ("ticket_holder", with_act(sid="")),
    "act.counter a number": ("ticket_holder", with_act(counter=3)),
    "act.sub with a line break": ("ticket_holder", with_act(sub="officer:0192\n")),
    "sid and cnf": ("ticket_holder", plainly(cnf={"jkt": JKT}, client_id="x")),
    "cnf with more": ("cnf", plainly(cnf={"jkt": JKT, "kid": "x"}, client_id="x")),
    "cnf null": ("cnf", plainly(cnf=None)),
    "docs an object": ("ticket_docs", plainly(docs={"0": ticket_doc(1)})),
    "docs empty": ("ticket_docs", plainly(docs=[])),
    "docs of numbers": ("ticket_docs", plainly(docs=[1])),
    "docs twice the same": ("ticket_docs", plainly(docs=[ticket_doc(1), ticket_doc(1)])),
    "51 docs": ("ticket_docs", plainly(docs=[ticket_doc(number) for number in range(51)])),
    "doc without size": ("ticket_docs", with_doc(size=...)),
    "doc with more": ("ticket_docs", with_doc(url="https://evil.example")),
    "doc.id a path": ("ticket_docs", with_doc(id="../../etc/passwd")),
    "doc.ver 0": ("ticket_docs", with_doc(ver=0)),
    "doc.ver true": ("ticket_docs", with_doc(ver=True)),
    "doc.ver a string": ("ticket_docs", with_doc(ver="3")),
    "doc.size -1": ("ticket_docs", with_doc(size=-1)),
    "doc.size over 1 TiB": ("ticket_docs", with_doc(size=2**40)),
    "doc.type in small letters": ("ticket_docs", with_doc(type="ktp")),
    "doc.sha256 short": ("ticket_docs", with_doc(sha256="9c")),
    "doc.sha256 a number of 64 digits": ("ticket_docs", with_doc(sha256=int("1" * 64))),
    "doc.media with a header in it": ("ticket_docs", with_doc(media="application/pdf\r\nX: y")),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_genuinely_signed_and_still_refused(name: str) -> None:
    """Even our own key does not make a wrong shape right."""
    reason, change = MALFORMED[name]
    token = forge(TICKET, good_claims(TICKET) | change())
    desk = fresh_desk()
    for ask in (desk.ticket, lambda token, now: desk.verify(TICKET, token, now)):
        with pytest.raises(TokenRefused) as refusal:
            ask(token, NOW)
        assert refusal.value.reason == reason


def test_read_ticket_reads_what_verify_returns() -> None:
    desk = fresh_desk()
    token = forge(TICKET)
    assert read_ticket(desk.verify(TICKET, token, NOW)) == desk.ticket(token, NOW)
    assert desk.ticket(token, NOW).expires_at == NOW + timedelta(seconds=good_claims(TICKET)["exp"] - NOW_S)

"""The ticket: what may be fetched, by whom, for how long (``protocols.md`` 5).

The format may grow: a member is first allowed and read by one release and written by the next, because replicas of
both run side by side and the reader refuses members that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auth.legal_bases import BY_LAW, CONSENT
from auth.token_checks import Profile, TokenRefused, check_jkt

MAX_DOCUMENTS = 50
TICKET_LIFE_LIMIT_S = 300

_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_TICKET_ID = re.compile(f"t_{_ULID}", re.ASCII)
_CONSENT_ID = re.compile(f"c_{_ULID}", re.ASCII)
_DOCUMENT_ID = re.compile(f"d_{_ULID}", re.ASCII)
_SESSION_ID = re.compile(f"s_{_ULID}", re.ASCII)
_NAME = re.compile(
    r"[!-~]{1,128}", re.ASCII
)  # pseudonyms, agencies, actors, clients, services: no space, no control
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,39}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MEDIA = re.compile(r"[a-z]+/[a-z0-9.+-]{1,64}", re.ASCII)
_MAX_LABEL_CHARACTERS = 128  # a counter, an application number: as people write them
_MAX_SIZE_BYTES = 2**40
_MAX_COUNT = 2**31

_NEEDED = frozenset({"iss", "aud", "jti", "iat", "nbf", "exp", "sub"}) | frozenset(
    {"agency", "purpose", "consent", "docs", "max_uses_per_doc"}
)
_ALLOWED = _NEEDED | {"act", "cnf", "client_id", "application_no", "lawful_basis"}
_DOC_MEMBERS = frozenset({"id", "ver", "type", "sha256", "size", "media"})
ORIGINAL, REDACTED = "original", "redacted"
# How a paper leaves when it is not the original; what is absent in a ticket is the original.
COPIED = frozenset({"stamped", "burned_in", REDACTED})


@dataclass(frozen=True, slots=True)
class TicketDocument:
    """One document version. ``sha256`` (64 hex digits) and ``size`` (bytes) are of the stored source, whatever ``rendition`` leaves."""

    id: str
    ver: int
    type: str
    sha256: str
    size: int
    media: str
    rendition: str = ORIGINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClaims:
    """What a ticket says. Exactly one of ``act_sid`` (an officer's session) and ``cnf_jkt`` (a client's key) is set.

    Times are aware and carry whole seconds once signed.
    """

    jti: str
    sub: str
    agency: str
    purpose: str
    consent_id: str
    consent_rev: int
    consent_sha256: str
    docs: tuple[TicketDocument, ...]
    issued_at: datetime
    expires_at: datetime
    act_sub: str | None = None
    act_sid: str | None = None
    act_counter: str | None = None
    application_no: str | None = None
    client_id: str | None = None
    cnf_jkt: str | None = None
    lawful_basis: str = CONSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(TicketClaims):
    """Claims that came out of a verified token: only ``read_ticket`` makes one."""


def ticket_members(claims: TicketClaims) -> dict[str, Any]:
    """The payload without ``iss`` and ``aud``, which the desk adds. ``nbf`` is ``iat``."""
    issued_at_s = int(claims.issued_at.timestamp())
    act = {"sub": claims.act_sub, "sid": claims.act_sid, "counter": claims.act_counter}
    members: dict[str, Any] = {
        "jti": claims.jti,
        "iat": issued_at_s,
        "nbf": issued_at_s,
        "exp": int(claims.expires_at.timestamp()),
        "sub": claims.sub,
        "client_id": claims.client_id,
        "agency": claims.agency,
        "act": {name: value for name, value in act.items() if value is not None} or None,
        "purpose": claims.purpose,
        "application_no": claims.application_no,
        "lawful_basis": None if claims.lawful_basis == CONSENT else claims.lawful_basis,
        "consent": {"id": claims.consent_id, "rev": claims.consent_rev, "sha256": claims.consent_sha256},
        "docs": [
            {
                "id": doc.id,
                "ver": doc.ver,
                "type": doc.type,
                "sha256": doc.sha256,
                "size": doc.size,
                "media": doc.media,
                **({} if doc.rendition == ORIGINAL else {"rendition": doc.rendition}),
            }
            for doc in claims.docs
        ],
        "max_uses_per_doc": 1,
        "cnf": None if claims.cnf_jkt is None else {"jkt": claims.cnf_jkt},
    }
    return {name: value for name, value in members.items() if value is not None}


def read_ticket(claims: Mapping[str, Any]) -> Ticket:
    """The ticket in verified claims. Raises ``TokenRefused`` when any member is not as ``protocols.md`` 5 has it."""
    if not _NEEDED <= claims.keys() <= _ALLOWED:
        raise TokenRefused("ticket_members")
    if type(claims["max_uses_per_doc"]) is not int or claims["max_uses_per_doc"] != 1:
        raise TokenRefused("ticket_uses")
    consent = _object(claims["consent"], frozenset({"id", "rev", "sha256"}), "ticket_consent")
    act_sub, act_sid, act_counter, jkt, client_id = _holder(claims)
    return Ticket(
        jti=_text(claims["jti"], _TICKET_ID, "ticket_id"),
        sub=_text(claims["sub"], _NAME, "ticket_sub"),
        agency=_text(claims["agency"], _NAME, "ticket_agency"),
        purpose=_text(claims["purpose"], _NAME, "ticket_purpose"),
        consent_id=_text(consent["id"], _CONSENT_ID, "ticket_consent"),
        consent_rev=_number(consent["rev"], 0, _MAX_COUNT, "ticket_consent"),
        consent_sha256=_text(consent["sha256"], _SHA256, "ticket_consent"),
        docs=_documents(claims["docs"]),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        act_sub=act_sub,
        act_sid=act_sid,
        act_counter=act_counter,
        application_no=_label(claims["application_no"], "ticket_application")
        if "application_no" in claims
        else None,
        client_id=client_id,
        cnf_jkt=jkt,
        lawful_basis=_basis(claims),
    )


def _basis(claims: Mapping[str, Any]) -> str:
    """Consent is not written: what is absent is the strictest."""
    if "lawful_basis" not in claims:
        return CONSENT
    basis = claims["lawful_basis"]
    if not isinstance(basis, str) or basis not in BY_LAW:
        raise TokenRefused("ticket_basis")
    return basis


_Holder = tuple[str | None, str | None, str | None, str | None, str | None]


def _holder(claims: Mapping[str, Any]) -> _Holder:
    """(act.sub, act.sid, act.counter, cnf.jkt, client_id): an officer's session, or a client's key."""
    if "cnf" in claims:
        jkt = check_jkt(claims["cnf"])
        client_id = _text(claims.get("client_id"), _NAME, "ticket_client")
        if "act" not in claims:  # nobody at the client's end (RFC 8693 4.1)
            return None, None, None, jkt, client_id
        act = _object(claims["act"], frozenset({"sub"}), "ticket_holder", optional=frozenset({"counter"}))
        counter = _label(act["counter"], "ticket_holder") if "counter" in act else None
        return _text(act["sub"], _NAME, "ticket_holder"), None, counter, jkt, client_id
    if "client_id" in claims:
        raise TokenRefused("ticket_holder")
    act = _object(claims.get("act"), frozenset({"sub", "sid", "counter"}), "ticket_holder")
    sub, sid = _text(act["sub"], _NAME, "ticket_holder"), _text(act["sid"], _SESSION_ID, "ticket_holder")
    return sub, sid, _label(act["counter"], "ticket_holder"), None, None


def _documents(value: Any) -> tuple[TicketDocument, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_DOCUMENTS:
        raise TokenRefused("ticket_docs")
    documents = tuple(
        _document(_object(member, _DOC_MEMBERS, "ticket_docs", optional=frozenset({"rendition"})))
        for member in value
    )
    if len({(document.id, document.ver) for document in documents}) != len(documents):
        raise TokenRefused("ticket_docs")
    return documents


def _document(doc: Mapping[str, Any]) -> TicketDocument:
    return TicketDocument(
        id=_text(doc["id"], _DOCUMENT_ID, "ticket_docs"),
        ver=_number(doc["ver"], 1, _MAX_COUNT, "ticket_docs"),
        type=_text(doc["type"], _TYPE, "ticket_docs"),
        sha256=_text(doc["sha256"], _SHA256, "ticket_docs"),
        size=_number(doc["size"], 1, _MAX_SIZE_BYTES, "ticket_docs"),
        media=_text(doc["media"], _MEDIA, "ticket_docs"),
        rendition=_rendition(doc),
    )


def _rendition(doc: Mapping[str, Any]) -> str:
    if "rendition" not in doc:
        return ORIGINAL
    rendition = doc["rendition"]
    if not isinstance(rendition, str) or rendition not in COPIED:
        raise TokenRefused("ticket_docs")
    return rendition


def _object(
    value: Any, needed: frozenset[str], reason: str, *, optional: frozenset[str] = frozenset()
) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not needed <= value.keys() <= needed | optional:
        raise TokenRefused(reason)
    return value


def _text(value: Any, pattern: re.Pattern[str], reason: str) -> str:
    if type(value) is not str or not pattern.fullmatch(value):
        raise TokenRefused(reason)
    return value


def _label(value: Any, reason: str) -> str:
    """Words written by people: anything printable."""
    if type(value) is not str or not 1 <= len(value) <= _MAX_LABEL_CHARACTERS or not value.isprintable():
        raise TokenRefused(reason)
    return value


def _number(value: Any, least: int, below: int, reason: str) -> int:
    if type(value) is not int or not least <= value < below:
        raise TokenRefused(reason)
    return value


TICKET = Profile(
    typ="berkas-ticket+jwt",
    purpose="document",
    required=_NEEDED,
    life_limit_s=TICKET_LIFE_LIMIT_S,
    max_characters=16_384,
    read=read_ticket,
)

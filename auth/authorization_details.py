"""What a token is for, beyond its scope (RFC 9396): of which consents it gets tickets. It narrows no other scope."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from auth.token_checks import TokenRefused, parse_json

TYPE = "berkas_document_access"
MAX_DETAILS = 5
MAX_CHARACTERS = 4_096
_CONSENT_ID = re.compile("c_[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
_DATATYPE = re.compile(r"[A-Z][A-Z0-9_]{0,39}", re.ASCII)
_MEMBERS = frozenset({"type", "consent_id", "actions", "locations", "datatypes"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One consent; ``datatypes`` are document types, None for all that the citizen granted."""

    consent_id: str
    datatypes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Access:
    """What was granted of it: the document types that a ticket may hold, and the service that it is for."""

    consent_id: str
    datatypes: frozenset[str]
    purpose: str


def asked_details(text: str, audience: str) -> tuple[Asked, ...]:
    """What a client asks for. Raises ``TokenRefused``: a member that we do not know is never granted in silence (RFC 9396 5)."""
    if len(text) > MAX_CHARACTERS:
        raise TokenRefused("details_too_long")
    try:
        members = parse_json(b'{"details":' + text.encode() + b"}")
    except UnicodeEncodeError:
        raise TokenRefused("details") from None
    details = members.get("details")
    if members.keys() != {"details"} or type(details) is not list or not 0 < len(details) <= MAX_DETAILS:
        raise TokenRefused("details")
    asked = tuple(_asked(detail, audience) for detail in details)
    if len({one.consent_id for one in asked}) != len(asked):
        raise TokenRefused("details_twice")
    return asked


def shown_details(granted: Collection[Access], audience: str) -> list[dict[str, Any]]:
    """As the token and the answer have it (RFC 9396 7): what was really granted."""
    return [
        {
            "type": TYPE,
            "consent_id": access.consent_id,
            "actions": ["read"],
            "datatypes": sorted(access.datatypes),
            "purpose": access.purpose,
            "locations": [audience],
        }
        for access in granted
    ]


def read_details(claims: Mapping[str, Any]) -> tuple[Access, ...] | None:
    """From the claims of a verified token of ours; None when it is bound to no consent."""
    if "authorization_details" not in claims:
        return None
    return tuple(
        Access(detail["consent_id"], frozenset(detail["datatypes"]), detail["purpose"])
        for detail in claims["authorization_details"]
    )


def _asked(detail: object, audience: str) -> Asked:
    if type(detail) is not dict or not {"type", "consent_id"} <= detail.keys() <= _MEMBERS:
        raise TokenRefused("details_members")
    consent_id, types = detail["consent_id"], detail.get("datatypes")
    if detail["type"] != TYPE or type(consent_id) is not str or not _CONSENT_ID.fullmatch(consent_id):
        raise TokenRefused("details_consent")
    if detail.get("actions", ["read"]) != ["read"] or detail.get("locations", [audience]) != [audience]:
        raise TokenRefused("details_actions")
    if types is None:
        return Asked(consent_id, None)
    if (
        type(types) is not list
        or not types
        or not all(type(t) is str and _DATATYPE.fullmatch(t) for t in types)
    ):
        raise TokenRefused("details_datatypes")
    return Asked(consent_id, frozenset(types))

"""Receipts and consent records against entries: what was signed for a recipient must be what the log says happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.ledger.es256 import CONSENT, RECEIPT, Record
from storage.ledger.merkle import HASH_BYTES

RELEASING = frozenset({"release", "redelivery"})


class PlaceRefused(ValueError):
    """A receipt that does not say where its entry stands."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands, as a record says."""

    index: int
    leaf: bytes
    origin: str


def places_of(record: Record) -> list[Place]:
    """That of the act first, then that of its end; none for a consent record, which is signed before its entry is made. Raises
    ``PlaceRefused``.
    """
    if record.typ == CONSENT:
        return []
    outcome = record.claims.get("outcome")
    logs = [record.claims.get("log"), *([_log_of(outcome)] if outcome is not None else [])]
    return [_place(log) for log in logs]


def _log_of(outcome: Any) -> Any:
    return outcome.get("log") if isinstance(outcome, dict) else None


def _place(log: Any) -> Place:
    try:
        index, leaf, origin = log["index"], bytes.fromhex(log["leaf_sha256"]), log["origin"]
    except (KeyError, TypeError, ValueError):
        raise PlaceRefused("names no entry") from None
    if type(index) is not int or index < 0 or len(leaf) != HASH_BYTES or not isinstance(origin, str):
        raise PlaceRefused("names no entry")
    return Place(index, leaf, origin)


def contradictions(record: Record, event: Mapping[str, Any]) -> list[str]:
    """In what ``record`` says otherwise than the entry that it belongs to; empty when they agree. ``event`` is the opened entry."""
    if record.typ == RECEIPT:
        return _of_a_receipt(record.claims, event)
    if record.typ == CONSENT:
        said: object = record.sha256
    else:
        said = _members(record.claims, "record").get("sha256")
    # The entry of a decision holds the SHA-256 of the record that was made of it. Entries of withdrawals did not always.
    unnamed = event.get("type") == "withdraw" and "consent_sha256" not in event
    return [] if unnamed or said == event.get("consent_sha256") else ["SHA-256 of the record"]


def _of_a_receipt(claims: Mapping[str, Any], event: Mapping[str, Any]) -> list[str]:
    doc, entered = _members(claims, "doc"), _members(event, "doc")
    told = {
        "kind of act": (
            True,
            event.get("type") in RELEASING and _members(event, "result").get("allowed") is True,
        ),
        "ticket": (claims.get("ticket"), event.get("ticket")),
        "consent": (_members(claims, "consent").get("id"), event.get("consent")),
        "recipient": (claims.get("recipient"), event.get("agency")),
        "who fetched": (claims.get("act"), event.get("actor")),
        "document": ((doc.get("id"), doc.get("ver")), (entered.get("id"), entered.get("ver"))),
        "document's SHA-256": (doc.get("source_sha256"), entered.get("sha256")),
    }
    return [what for what, (said, stands) in told.items() if said != stands]


def _members(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}

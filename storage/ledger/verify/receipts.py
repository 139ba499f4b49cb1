"""Receipts and consent records against entries: what was signed for a recipient must be what the log says happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.ledger.es256 import RECEIPT, Record
from storage.ledger.merkle import HASH_BYTES

RELEASING = frozenset({"release", "redelivery"})


class PlaceRefused(ValueError):
    """A receipt that does not say where its entry stands."""


def place_of(record: Record) -> tuple[int, bytes, str] | None:
    """(index, leaf hash, origin) that a receipt names; None for a consent record, which is signed before its entry is made. Raises
    ``PlaceRefused``.
    """
    if record.typ != RECEIPT:
        return None
    log = record.claims.get("log")
    if not isinstance(log, dict) or type(log.get("index")) is not int or log["index"] < 0:
        raise PlaceRefused("names no entry")
    try:
        leaf = bytes.fromhex(log["leaf_sha256"])
    except (KeyError, TypeError, ValueError):
        leaf = b""
    if len(leaf) != HASH_BYTES or not isinstance(log.get("origin"), str):
        raise PlaceRefused("names no entry")
    return log["index"], leaf, log["origin"]


def contradictions(record: Record, event: Mapping[str, Any]) -> list[str]:
    """In what ``record`` says otherwise than the entry that it belongs to; empty when they agree."""
    return _of_a_receipt(record.claims, event) if record.typ == RECEIPT else _of_a_consent(record, event)


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


def _of_a_consent(record: Record, event: Mapping[str, Any]) -> list[str]:
    """The entry of a decision holds the SHA-256 of the record that was made of it."""
    return [] if record.sha256 == event.get("consent_sha256") else ["SHA-256 of the record"]


def _members(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}

"""The signed receipt that goes with a delivery (``protocols.md`` 5, DESIGN D12), and the same made again from the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from auth.tokens import RECEIPT, TokenDesk
from auth.verdict import Verdict
from exchange.provenance import told
from exchange.releases import Release
from storage.ledger.evidence import Evidence
from storage.ledger.work import Settled


def receipt_id(item_id: str) -> str:
    """Of what one batch item released."""
    return f"r_{item_id[2:]}"


def item_of(receipt: str) -> str:
    """The inverse: the item's own unique index finds the entry, and none was made for receipts."""
    return f"i_{receipt[2:]}"


def signed_receipt(
    desk: TokenDesk,
    release: Release,
    item_id: str,
    settled: Settled[Verdict],
    *,
    served_sha256: str,
    code: str | None,
    origin: str,
    now: datetime,
) -> str:
    """``berkas-delivery-receipt+jwt``: signed after the commit; it can be made again from the entry, its number too. A copy's receipt
    says in which manner it was made, and the code that is printed on it.
    """
    ticket, place = release.ticket, release.place
    if place is None:
        raise RuntimeError("no receipt without a paper")
    copy = {} if code is None else {"rendition": release.manner, "copy_code": code}
    return desk.sign(
        RECEIPT,
        {
            "jti": receipt_id(item_id),
            "iat": int(now.timestamp()),
            "released_at": int(settled.receipt.at.timestamp()),
            "ticket": ticket.jti,
            "consent": {"id": ticket.consent_id, "sha256": ticket.consent_sha256},
            "recipient": ticket.agency,
            "act": release.caller.actor,
            "doc": {
                "id": place.document_id,
                "ver": place.version,
                "type": place.type,
                "source_sha256": place.sha256,
                "served_sha256": served_sha256,
                "size": place.size,
                **copy,
                **told(place.provenance, place.taken_by),
            },
            "log": {
                "origin": origin,
                "index": settled.receipt.index,
                "leaf_sha256": settled.receipt.leaf_sha256.hex(),
            },
        },
    )


def made_again(
    desk: TokenDesk,
    released: Evidence,
    outcome: Evidence | None,
    *,
    consent_sha256: str,
    served_sha256: str,
    code: str | None,
    paper: Mapping[str, Any],
    origin: str,
    now: datetime,
) -> str:
    """The same number, act, paper and entry, signed now with the key of now: ``iat`` is when it was signed, ``released_at`` when the
    paper left. ``outcome`` adds how the delivery ended, by its own entry. ``paper`` says of its size and provenance what an entry of an
    older release does not.
    """
    event = released.event
    doc = dict(event["doc"])
    copy = {} if code is None else {"rendition": event["rendition"], "copy_code": code}
    named = {"id": doc.pop("id"), "ver": doc.pop("ver"), "type": event["document_type"]}
    digests = {"source_sha256": doc.pop("sha256"), "served_sha256": served_sha256}
    return desk.sign(
        RECEIPT,
        {
            "jti": receipt_id(released.item_id),
            "iat": int(now.timestamp()),
            "released_at": int(datetime.fromisoformat(event["t"]).timestamp()),
            "ticket": event["ticket"],
            "consent": {"id": event["consent"], "sha256": consent_sha256},
            "recipient": event["agency"],
            "act": event["actor"],
            "doc": {**named, **digests, **copy, **paper, **doc},
            "log": _place(origin, released),
            **({} if outcome is None else {"outcome": _ended(origin, outcome)}),
        },
    )


def _ended(origin: str, outcome: Evidence) -> dict[str, Any]:
    """``bytes`` is how many left; nobody knows where the process died."""
    event = outcome.event
    ended = {"result": event["outcome"], "log": _place(origin, outcome)}
    return ended | ({"bytes": event["bytes"]} if "bytes" in event else {})


def _place(origin: str, evidence: Evidence) -> dict[str, Any]:
    return {"origin": origin, "index": evidence.index, "leaf_sha256": evidence.leaf_sha256}

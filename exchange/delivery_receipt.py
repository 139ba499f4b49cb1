"""The signed receipt that goes with a delivery (``protocols.md`` 5, DESIGN D12)."""

from __future__ import annotations

from datetime import datetime

from auth.tokens import RECEIPT, TokenDesk
from auth.verdict import Verdict
from exchange.provenance import told
from exchange.releases import Release
from storage.ledger.work import Settled


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
    """``berkas-delivery-receipt+jwt``: signed after the commit; it can be made again from the rows, its number too. A copy's receipt says
    in which manner it was made, and the code that is printed on it.
    """
    ticket, place = release.ticket, release.place
    if place is None:
        raise RuntimeError("no receipt without a paper")
    copy = {} if code is None else {"rendition": release.manner, "copy_code": code}
    return desk.sign(
        RECEIPT,
        {
            "jti": item_id.replace("i_", "r_", 1),
            "iat": int(now.timestamp()),
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

"""A paper that names several people stands on the trail of each (DESIGN D4, N06).

Besides the entry of its holder, everybody whom the paper names gets one of their own: that a paper which names them was read, by
whom and why. Nothing in it leads to the others: no name, no reference, no consent, no ticket, no document; ``linked_to`` is the index of the
holder's entry, a commitment to whoever may not open it (``storage/ledger/page.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storage.errors import KeyMissing
from storage.keyring import Keyring
from storage.ledger.facts import Need
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Event, Trail

# What a linked entry takes over; everything else is about the holder.
_SHARED = ("act", "agency", "counter", "service", "lawful_basis", "document_type", "outcome")


async def trails_of(keyring: Keyring, references: Iterable[str]) -> tuple[Trail, ...]:
    """Resolved before anything is locked. Whose trail was erased is left out: it keeps nobody else from reading."""
    trails = []
    for reference in references:
        try:
            trails.append(await keyring.trail(reference))
        except KeyMissing:
            continue
    return tuple(trails)


def trail_needs(trails: Sequence[Trail]) -> list[Need]:
    """An entry on another trail than the work's own takes that trail's next number."""
    return [Need(SUBJECT_TRAILS, trail.subject_ref) for trail in trails]


def linked(event: Event, trails: Iterable[Trail], **members: Any) -> list[Event]:
    """The entry for each of those whom the paper names."""
    shared: Mapping[str, Any] = {name: event.details[name] for name in _SHARED if name in event.details}
    return [
        Event(event.type, trail, event.actor, {**shared, **members, "names_you": True}) for trail in trails
    ]

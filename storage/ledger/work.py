"""What waits for the appender: one act, the facts it needs, and the pure judge that the flow hands in.

The appender never imports ``auth``: it sees a verdict only through ``VerdictLike``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from storage.ids import new_id
from storage.ledger.facts import Facts, Need
from storage.ledger.receipt import Receipt


class VerdictLike(Protocol):
    @property
    def allowed(self) -> bool: ...

    @property
    def reason(self) -> str | None: ...


V = TypeVar("V", bound=VerdictLike)


@dataclass(frozen=True, slots=True)
class Trail:
    """Whose history an entry belongs to, with the key its body is sealed under (resolved before the lock)."""

    subject_ref: str
    pseudonym: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """What one entry says; fields of ``protocols.md`` 6.1 plus counter, service and lawful basis.

    ``result`` is added by the appender from the verdict; ``details`` are extra members of the body.
    """

    type: str
    trail: Trail
    actor: str
    details: Mapping[str, Any] = field(default_factory=dict)


def nothing(_facts: Facts, _now: datetime, _verdict: Any) -> None:
    """The ``apply`` of an act that changes no fact."""


@dataclass(frozen=True, slots=True)
class Work(Generic[V]):
    """One item of a batch.

    ``caller`` is whose refusals are counted (``refusals.py``); an empty one is never turned away: for acts that cannot be
    refused or are counted elsewhere. ``judge`` decides on the working copy. ``apply`` changes it and is called only when the verdict is allowed;
    ``apply_refused`` is for the few refusals that change something themselves (a wrong one-time code uses up a
    try). ``events`` names the entries, at least one, allowed or refused. ``released`` says which document
    version a Receipt shall open.
    """

    kind: str
    caller: str
    trail: Trail
    load: Sequence[Need]
    judge: Callable[[Facts, datetime], V]
    events: Callable[[Facts, datetime, V], Sequence[Event]]
    apply: Callable[[Facts, datetime, V], None] = nothing
    apply_refused: Callable[[Facts, datetime, V], None] = nothing
    released: tuple[str, int] | None = None
    id: str = field(default_factory=lambda: new_id("i"))


@dataclass(frozen=True, slots=True)
class Settled(Generic[V]):
    """The answer to one item, given after its entry is durable."""

    verdict: V
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Noted:
    """A refusal that the ledger itself writes down."""

    reason: str | None
    allowed: bool = False


def note(kind: str, trail: Trail, reason: str, details: dict[str, Any]) -> Work[Noted]:
    """An entry of the ledger about itself: a poisoned item, a caller that was turned away."""
    return Work(
        kind=kind,
        caller="",
        trail=trail,
        load=(),
        judge=lambda _facts, _now: Noted(reason),
        events=lambda _facts, _now, _verdict: [Event(kind, trail, "system", details)],
    )

"""What the auditor's pages show: who signs in, what to find, what was found. Acts, not papers: a citizen is a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from exchange.pages.views import Site


@dataclass(frozen=True, slots=True)
class Told:
    """A problem, in the reader's language. ``code`` is that of its page."""

    code: str
    title: str
    remedy: str


@dataclass(frozen=True, slots=True)
class AuditSignIn:
    site: Site
    csrf: str
    error: Told | None = None


@dataclass(frozen=True, slots=True)
class AskedExport:
    """``state`` open, approved or rejected; ``own`` when the reader asked for it."""

    id: str
    assignment: str
    agency: str
    from_at: datetime
    to_at: datetime
    state: str
    own: bool


@dataclass(frozen=True, slots=True)
class AuditFind:
    """``form`` is what was typed last, by the names of the fields, never a NIK."""

    site: Site
    csrf: str
    officer: str
    agency: str
    form: Mapping[str, str]
    exports: tuple[AskedExport, ...] = ()
    error: Told | None = None


@dataclass(frozen=True, slots=True)
class FoundEntry:
    index: int
    at: datetime
    kind: str
    act: str
    allowed: bool
    reason: str
    actor: str
    agency: str
    counter: str
    citizen: str
    service: str
    basis: str
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditFound:
    """``form`` goes along hidden, with the citizen's reference in the place of a NIK; ``before`` is where the next page begins. ``looked``
    is the size of the log.
    """

    site: Site
    csrf: str
    form: Mapping[str, str]
    entries: tuple[FoundEntry, ...]
    before: int | None
    erased: int
    looked: int

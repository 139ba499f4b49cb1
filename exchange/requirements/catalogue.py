"""The catalogue: document types, groups and services as frozen objects (``domain.md`` 4 and 5).

Loaded and validated once, at start. A catalogue with a mistake does not start: the error names file, line and reason.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exchange.requirements.reading import CatalogueError

__all__ = [
    "Catalogue",
    "CatalogueError",
    "DocumentType",
    "Requirement",
    "Service",
    "Validity",
    "load_catalogue",
]

STAMPED = "stamped"
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Validity:
    """``kind``: lifetime, until_event, printed_expiry, months, purpose_window or tax_year; lives are in months."""

    kind: str
    months: int | None = None
    typical_months: int | None = None


@dataclass(frozen=True, slots=True)
class NumberRule:
    """The number printed on a paper. When not ``strict`` a mismatch only warns; ``also`` are accepted older forms."""

    label: str
    pattern: str
    strict: bool
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentType:
    """``retention_months``: how long a paper is kept here since its last use."""

    code: str
    name_id: str
    name_en: str
    issuer: str
    holder: str
    number: NumberRule
    validity: Validity
    changes_on: tuple[str, ...]
    native: str
    formats: tuple[str, ...]
    pdp_class: str
    attributes: tuple[str, ...]
    levels: tuple[str, ...]
    min_age: str | None
    confidence: str
    retention_months: int

    @property
    def is_file(self) -> bool:
        """``qr`` and ``api`` are never files: such a paper is only shown at the counter."""
        return any(form in {"jpg", "png", "pdf"} for form in self.formats)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One entry of a service's list. ``head`` is doc, group, any_of, all_of, status or form; ``members`` are the
    alternatives of any_of and group, or the parts of all_of. Modifiers of an outer entry are already filled in.
    """

    head: str
    code: str | None = None
    members: tuple[Requirement, ...] = ()
    subject: str | None = None
    when: tuple[str, ...] = ()
    original: str | None = None
    must_be_valid: bool = False
    max_age_months: int | None = None
    tax_year: str | None = None
    levels: tuple[str, ...] = ()
    background: str | None = None
    optional: bool = False
    note: str | None = None
    rendition: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """``eligibility`` are conditions that must hold to use it at all, ``excludes`` those that must not. ``extras`` holds
    the fields that only inform: fee, schedule, deadlines, source. ``renditions``: how papers of a type leave for it, where that is not
    ``rendition``.
    """

    code: str
    agency: str
    name_id: str
    name_en: str
    requirements: tuple[Requirement, ...]
    output: tuple[str, ...]
    makes_stale: tuple[str, ...]
    applicant: str
    not_delegable: bool
    legal: str | None
    eligibility: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    renditions: Mapping[str, str] = field(default_factory=dict)
    rendition: str = STAMPED

    @property
    def replaces(self) -> frozenset[str]:
        """Types of which the service makes a new copy: the held one is the copy to be replaced."""
        return frozenset(self.output) | frozenset(self.makes_stale)

    def rendition_of(self, code: str) -> str:
        """How a paper of this type leaves: original, stamped, burned_in or redacted."""
        return self.renditions.get(code, self.rendition)

    def replaces_copy_of(self, code: str, role: str) -> bool:
        """Is this role's copy the one that is replaced? ``makes_stale`` names no person (``domain.md`` 8).

        Never the proxy's. Where an heir comes, the deceased's and the land's, not the heir's own.
        """
        whose_own = {"proxy", "applicant", "heirs"} if self.applicant == "heir" else {"proxy"}
        return code in self.replaces and role not in whose_own

    def as_dict(self) -> dict[str, Any]:
        """For the API. Of the source its kind, law and confidence; its addresses and notes are for editors."""
        source = self.extras.get("source", {})
        return {
            "code": self.code,
            "agency": self.agency,
            "name_id": self.name_id,
            "name_en": self.name_en,
            "requirements": [_shown(requirement) for requirement in self.requirements],
            "output": list(self.output),
            "not_delegable": self.not_delegable,
            "rendition": self.rendition,
            "legal": self.legal,
            "source": {name: source[name] for name in ("kind", "confidence", "legal") if name in source},
            **({"eligibility": list(self.eligibility)} if self.eligibility else {}),
            **({"excludes": list(self.excludes)} if self.excludes else {}),
        } | {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.extras.items()
            if name not in {"source", "note"}
        }


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All mappings are read-only and by code. ``superseded_months``: how long a version is kept since another one took its place."""

    document_types: Mapping[str, DocumentType]
    groups: Mapping[str, tuple[Requirement, ...]]
    services: Mapping[str, Service]
    conditions: Mapping[str, str]
    statuses: Mapping[str, Mapping[str, Any]]
    agencies: Mapping[str, Mapping[str, Any]]
    core_codes: frozenset[str]
    never_shared: frozenset[str]
    short_life: frozenset[str]
    existence_sensitive: frozenset[str]
    superseded_months: int

    def with_originals(self, codes: Collection[str]) -> Catalogue:
        """The same, where these services take papers without a mark, but for entries that name a manner of their own."""
        services = {
            code: replace(service, rendition="original") if code in codes else service
            for code, service in self.services.items()
        }
        return replace(self, services=frozen(services))

    def at_counter(self, code: str) -> bool:
        """Never taken from the shared store: bound to one request, biometric, or no file at all."""
        return code in self.never_shared or not self.document_types[code].is_file


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Both files of ``folder`` (the packaged data by default, read once a process). Raises ``CatalogueError``."""
    from exchange.requirements.loader import load

    return load(folder) if folder is not None else _packaged()


@functools.cache
def _packaged() -> Catalogue:
    from exchange.requirements.loader import load

    return load(DATA)


def frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read-only, whatever is nested in it included."""
    return MappingProxyType({key: _still(value) for key, value in mapping.items()})


def _still(value: Any) -> Any:
    if isinstance(value, dict):
        return frozen(value)
    return tuple(_still(item) for item in value) if isinstance(value, list) else value


def _shown(requirement: Requirement) -> dict[str, Any]:
    shown: dict[str, Any] = {"head": requirement.head, "code": requirement.code}
    for name in ("subject", "original", "max_age_months", "tax_year", "background", "rendition", "note"):
        if (value := getattr(requirement, name)) is not None:
            shown[name] = value
    for name in ("when", "levels"):
        if value := getattr(requirement, name):
            shown[name] = list(value)
    for name in ("must_be_valid", "optional"):
        if getattr(requirement, name):
            shown[name] = True
    if requirement.members:
        shown["members"] = [_shown(member) for member in requirement.members]
    return shown

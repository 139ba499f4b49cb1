"""Turns the two YAML files into a ``Catalogue``, refusing everything that it does not understand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exchange.requirements import vocabulary as words
from exchange.requirements.catalogue import (
    Catalogue,
    DocumentType,
    NumberRule,
    Requirement,
    Service,
    Validity,
    frozen,
)
from exchange.requirements.reading import Entry, read


def load(folder: Path) -> Catalogue:
    """Raises ``CatalogueError``."""
    types_file, services_file = read(folder / "document-types.yaml"), read(folder / "services.yaml")
    types_file.only(
        ("version", "generated", "sources", "core_codes", "never_shared", "short_life", "existence_sensitive",
         "documents", "groups"),
        ("core_codes", "never_shared", "short_life", "existence_sensitive", "documents", "groups"),
    )  # fmt: skip
    services_file.only(
        ("version", "generated", "conditions", "statuses", "agencies", "services"),
        ("conditions", "statuses", "agencies", "services"),
    )
    types = _by_code(types_file, "documents", lambda entry: _document_type(entry, types_file))
    lists = {name: _codes(types_file, name, types) for name in
             ("core_codes", "never_shared", "short_life", "existence_sensitive")}  # fmt: skip
    world = _World(types, services_file)
    world.groups = _by_code(types_file, "groups", world.group)
    services = _by_code(services_file, "services", world.service)
    return Catalogue(
        document_types=frozen(types),
        groups=frozen(world.groups),
        services=frozen(services),
        conditions=frozen(world.conditions),
        statuses=frozen(world.statuses),
        agencies=frozen(world.agencies),
        **lists,
    )


def _by_code(file: Entry, key: str, make: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in file.entries(key):
        code = entry.value("code", str)
        if not code:
            raise entry.refuse("'code' is missing")
        if code in made:
            raise entry.refuse(f"{code} stands twice")
        made[code] = make(entry)
    return made


def _codes(file: Entry, key: str, types: Mapping[str, DocumentType]) -> frozenset[str]:
    codes = file.texts(key)
    for code in codes:
        if code not in types:
            raise file.refuse(f"{key}: unknown document type {code}", key)
    return frozenset(codes)


def _chosen(entry: Entry, key: str, allowed: frozenset[str]) -> str:
    value = entry.value(key, str)
    if value not in allowed:
        raise entry.refuse(f"{key!r}: {value!r} is not one of {', '.join(sorted(allowed))}", key)
    return str(value)


def _document_type(entry: Entry, file: Entry) -> DocumentType:
    entry.only((*words.TYPE_KEYS, *words.TYPE_OPTIONAL), words.TYPE_KEYS)
    for source in entry.texts("source"):
        if source != "memory" and source not in file.value("sources", dict, {}):
            raise entry.refuse(f"unknown source {source!r}", "source")
    for event in entry.texts("changes_on"):
        if event not in words.EVENTS:
            raise entry.refuse(f"unknown event {event!r}", "changes_on")
    for form in entry.texts("formats"):
        if form not in words.FORMATS:
            raise entry.refuse(f"unknown format {form!r}", "formats")
    if not entry["formats"]:
        raise entry.refuse("a type without formats", "formats")
    return DocumentType(
        code=entry["code"],
        name_id=entry.value("name_id", str),
        name_en=entry.value("name_en", str),
        issuer=entry.value("issuer", str),
        holder=_chosen(entry, "holder", words.HOLDERS),
        number=_number(entry),
        validity=_validity(entry),
        changes_on=entry.texts("changes_on"),
        native=_chosen(entry, "native", words.NATIVE),
        formats=entry.texts("formats"),
        pdp_class=_chosen(entry, "pdp_class", words.CLASSES),
        attributes=entry.texts("attributes"),
        levels=entry.texts("levels"),
        min_age=entry.value("min_age", str),
        confidence=_chosen(entry, "confidence", words.CONFIDENCE),
    )


def _number(entry: Entry) -> NumberRule:
    number = entry.value("number", Entry)
    older = ("legacy_pattern", "branch_pattern", "lenient_pattern")
    number.only(("label", "pattern", "strict", "example", *older), ("label", "pattern"))
    patterns = [number.value(key, str) for key in ("pattern", *older) if key in number]
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error:
            raise number.refuse(f"not a pattern: {pattern!r}") from None
    strict = number.value("strict", bool, default=True)
    return NumberRule(number.value("label", str), patterns[0], strict, tuple(patterns[1:]))


def _validity(entry: Entry) -> Validity:
    validity = entry.value("validity", Entry)
    validity.only(("kind", "months", "typical_months", "note"), ("kind",))
    kind = _chosen(validity, "kind", words.KINDS)
    months, typical = validity.value("months", int), validity.value("typical_months", int)
    if kind == "months" and not months:
        raise validity.refuse("a life in months needs 'months'")
    if any(value is not None and value <= 0 for value in (months, typical)):
        raise validity.refuse("a life in months is positive")
    return Validity(kind, months, typical)


def _named(file: Entry, key: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Entry:
    """A mapping of codes to small mappings."""
    named: Entry = file.value(key, Entry)
    for code in named:
        entry = named.value(code, Entry)
        entry.only((*needed, *optional), needed)
        for name in entry:
            entry.value(name, int if name == "max_age_days" else str)
    return named


class _World:
    """What the rules may name."""

    def __init__(self, types: Mapping[str, DocumentType], file: Entry) -> None:
        self.types = types
        self.conditions = file.value("conditions", Entry)
        for condition in self.conditions:
            self.conditions.value(condition, str)
        self.statuses = _named(file, "statuses", words.STATUS_KEYS, ("fallback",))
        self.agencies = _named(file, "agencies", words.AGENCY_KEYS)
        self.groups: dict[str, tuple[Requirement, ...]] = {}

    def group(self, entry: Entry) -> tuple[Requirement, ...]:
        """Members of a group are document types, bare or with levels: a group never names a group."""
        entry.only(("code", "name_id", "any_of"), ("name_id", "any_of"))
        members = []
        for member in entry.value("any_of", list):
            item = member
            if isinstance(member, str):
                item = Entry(doc=member)
                item.file, item.line = entry.file, entry.line
            if not isinstance(item, Entry) or "doc" not in item:
                raise entry.refuse("a member of a group is a document type")
            members.append(self.requirement(item))
        if not members:
            raise entry.refuse("a group without members")
        return tuple(members)

    def service(self, entry: Entry) -> Service:
        entry.only((*words.SERVICE_KEYS, *words.SERVICE_OPTIONAL, *words.EXTRAS), words.SERVICE_KEYS)
        for key, kind in words.EXTRAS.items():
            entry.value(key, kind)
        self._source(entry.value("source", Entry))
        agency = entry.value("agency", str)
        if agency not in self.agencies:
            raise entry.refuse(f"unknown agency {agency}", "agency")
        if not str(entry["code"]).startswith(f"{agency}."):
            raise entry.refuse("a service's code begins with its agency", "code")
        for key in ("output", "makes_stale"):
            for code in entry.texts(key):
                if code not in self.types:
                    raise entry.refuse(f"{key}: unknown document type {code}", key)
        for key in ("excludes", "eligibility"):
            self._known_conditions(entry, key)
        requirements = tuple(self.requirement(item) for item in entry.entries("requirements"))
        if not requirements:
            raise entry.refuse("a service without requirements", "requirements")
        applicant = _chosen(entry, "applicant", words.APPLICANTS) if "applicant" in entry else "person"
        return Service(
            code=entry["code"],
            agency=agency,
            name_id=entry.value("name_id", str),
            name_en=entry.value("name_en", str),
            requirements=requirements,
            output=entry.texts("output"),
            makes_stale=entry.texts("makes_stale"),
            applicant=applicant,
            not_delegable=entry.value("not_delegable", bool, default=False),
            legal=entry.value("legal", str),
            extras=frozen({key: entry[key] for key in words.EXTRAS if key in entry}),
        )

    def requirement(self, entry: Entry, outer: Requirement | None = None) -> Requirement:
        """One entry, its modifiers filled in from ``outer`` where it does not set its own."""
        entry.only((*words.HEADS, *words.MODIFIERS))
        heads = [head for head in words.HEADS if head in entry]
        if len(heads) != 1:
            raise entry.refuse("an entry has exactly one head")
        own = self._modified(entry, heads[0], outer)
        return self._headed(entry, own)

    def _modified(self, entry: Entry, head: str, outer: Requirement | None) -> Requirement:
        base = outer or Requirement(head)
        self._known_conditions(entry, "when")
        subject = _chosen(entry, "subject", words.ROLES) if "subject" in entry else base.subject
        original = _chosen(entry, "original", words.ORIGINALS) if "original" in entry else base.original
        background = (
            _chosen(entry, "background", words.BACKGROUNDS) if "background" in entry else base.background
        )
        tax_year = _chosen(entry, "tax_year", words.TAX_YEARS) if "tax_year" in entry else base.tax_year
        age = entry.value("max_age_months", int, base.max_age_months)
        if age is not None and age <= 0:
            raise entry.refuse("'max_age_months' is positive", "max_age_months")
        return Requirement(
            head=head,
            subject=subject,
            when=entry.texts("when"),
            original=original,
            must_be_valid=entry.value("must_be_valid", bool, base.must_be_valid),
            max_age_months=age,
            tax_year=tax_year,
            levels=entry.texts("levels") if "levels" in entry else base.levels,
            background=background,
            optional=entry.value("optional", bool, default=False),
            note=entry.value("note", str),
        )

    def _headed(self, entry: Entry, own: Requirement) -> Requirement:
        if own.head in {"any_of", "all_of"}:
            members = tuple(self.requirement(member, own) for member in entry.entries(own.head))
            if not members:
                raise entry.refuse(f"{own.head!r} without members")
            return replace(own, members=members)
        code = entry.value(own.head, str)
        known: dict[str, Mapping[str, Any]] = {
            "doc": self.types,
            "form": self.types,
            "group": self.groups,
            "status": self.statuses,
        }
        if code not in known[own.head]:
            raise entry.refuse(f"unknown {own.head} {code!r}")
        if own.head == "group":
            return replace(own, code=code, members=tuple(_inherited(m, own) for m in self.groups[code]))
        if own.head == "doc":
            self._known_attributes(entry, own, self.types[code])
        return replace(own, code=code)

    def _known_attributes(self, entry: Entry, own: Requirement, kind: DocumentType) -> None:
        """What is inherited may not concern the type; what is asked of it by name must."""
        if not set(own.levels) <= set(kind.levels) and ("levels" in entry or kind.levels):
            raise entry.refuse(f"{kind.code} has no such level", "levels")
        if "background" in entry and "background" not in kind.attributes:
            raise entry.refuse(f"{kind.code} has no background", "background")
        if "tax_year" in entry and kind.validity.kind != "tax_year":
            raise entry.refuse(f"{kind.code} has no tax year", "tax_year")

    def _known_conditions(self, entry: Entry, key: str) -> None:
        for condition in entry.texts(key):
            if condition not in self.conditions:
                raise entry.refuse(f"unknown condition {condition!r}", key)

    def _source(self, source: Entry) -> None:
        """Where a rule comes from, and how sure it is: shown to its editors."""
        source.only(("kind", "url", "also", "legal", "confidence", "note"), ("kind", "confidence"))
        _chosen(source, "kind", words.SOURCE_KINDS)
        _chosen(source, "confidence", words.CONFIDENCE)
        source.texts("also")


def _inherited(member: Requirement, outer: Requirement) -> Requirement:
    """Modifiers on a group apply to every member that does not set its own."""
    return replace(
        member,
        subject=member.subject or outer.subject,
        original=member.original or outer.original,
        must_be_valid=member.must_be_valid or outer.must_be_valid,
        max_age_months=member.max_age_months or outer.max_age_months,
        tax_year=member.tax_year or outer.tax_year,
        levels=member.levels or outer.levels,
        background=member.background or outer.background,
    )

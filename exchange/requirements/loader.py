"""Turns the two YAML files into a ``Catalogue``, refusing everything that it does not understand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exchange.requirements import vocabulary as words
from exchange.requirements.catalogue import (
    Catalogue,
    DocumentType,
    NumberRule,
    Validity,
    frozen,
)
from exchange.requirements.entries import World, named
from exchange.requirements.reading import Entry, read


def load(folder: Path) -> Catalogue:
    """Raises ``CatalogueError``."""
    types_file, services_file = read(folder / "document-types.yaml"), read(folder / "services.yaml")
    types_file.only(
        ("version", "generated", "sources", "core_codes", "never_shared", "short_life", "existence_sensitive",
         "retention", "documents", "groups"),
        ("version", "core_codes", "never_shared", "short_life", "existence_sensitive", "retention", "documents", "groups"),
    )  # fmt: skip
    services_file.only(
        ("version", "generated", "conditions", "statuses", "agencies", "services"),
        ("version", "conditions", "statuses", "agencies", "services"),
    )
    for file in (types_file, services_file):
        if file.value("version", int) != words.VERSION:
            raise file.refuse(f"only version {words.VERSION} is understood", "version")
        file.text("generated")
    if "sources" in types_file:
        named(types_file, "sources", ("url", "says"))
    months = _retention(types_file)
    types = _by_code(types_file, "documents", lambda entry: _document_type(entry, types_file, months))
    lists = {name: _codes(types_file, name, types) for name in
             ("core_codes", "never_shared", "short_life", "existence_sensitive")}  # fmt: skip
    world = World(types, lists["never_shared"], services_file)
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
        superseded_months=months["superseded"],
    )


def _by_code(file: Entry, key: str, make: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in file.entries(key):
        code = entry.value("code", str)
        if not code:
            raise entry.refuse("'code' is missing")
        if not re.fullmatch(words.SERVICE_CODE if key == "services" else words.CODE, code):
            raise entry.refuse(f"not a code: {code!r}", "code")
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


def _retention(file: Entry) -> dict[str, int]:
    """Months by class, and for what was replaced. Specific data are kept shorter (UU 27/2022 art. 4(2), L01)."""
    retention = file.value("retention", Entry)
    retention.only(words.RETENTION, words.RETENTION)
    months = {name: retention.count(name, words.MONTHS) for name in words.RETENTION}
    if months["spesifik"] >= months["umum"]:
        raise retention.refuse("specific data are kept shorter than general ones", "spesifik")
    return months


def _retention_months(entry: Entry, months: Mapping[str, int]) -> int:
    own = entry.count("retention_months", words.MONTHS)
    if own is not None and entry["pdp_class"] == "spesifik" and own >= months["umum"]:
        raise entry.refuse("specific data are kept shorter than general ones", "retention_months")
    return int(own or months[entry.chosen("pdp_class", words.CLASSES)])


def _document_type(entry: Entry, file: Entry, months: Mapping[str, int]) -> DocumentType:
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
        name_id=entry.text("name_id"),
        name_en=entry.text("name_en"),
        issuer=entry.text("issuer"),
        holder=entry.chosen("holder", words.HOLDERS),
        number=_number(entry),
        validity=_validity(entry),
        changes_on=entry.texts("changes_on"),
        native=entry.chosen("native", words.NATIVE),
        formats=entry.texts("formats"),
        pdp_class=entry.chosen("pdp_class", words.CLASSES),
        attributes=entry.texts("attributes"),
        levels=entry.texts("levels"),
        min_age=entry.text("min_age"),
        confidence=entry.chosen("confidence", words.CONFIDENCE),
        retention_months=_retention_months(entry, months),
    )


def _number(entry: Entry) -> NumberRule:
    number = entry.value("number", Entry)
    older = ("legacy_pattern", "branch_pattern", "lenient_pattern")
    number.only(("label", "pattern", "strict", "example", *older), ("label", "pattern"))
    patterns = [number.text(key) for key in ("pattern", *older) if key in number]
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error:
            raise number.refuse(f"not a pattern: {pattern!r}") from None
    strict = number.value("strict", bool, default=True)
    return NumberRule(number.text("label"), patterns[0], strict, tuple(patterns[1:]))


def _validity(entry: Entry) -> Validity:
    validity = entry.value("validity", Entry)
    validity.only(("kind", "months", "typical_months", "note"), ("kind",))
    kind = validity.chosen("kind", words.KINDS)
    months, typical = validity.count("months", words.MONTHS), validity.count("typical_months", words.MONTHS)
    if kind == "months" and months is None:
        raise validity.refuse("a life in months needs 'months'")
    validity.text("note")
    return Validity(kind, months, typical)

"""Services, groups and entries of the rule language as objects, refusing everything that is not understood."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from exchange.requirements import vocabulary as words
from exchange.requirements.catalogue import STAMPED, DocumentType, Requirement, Service, frozen
from exchange.requirements.reading import Entry


def named(file: Entry, key: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Entry:
    """A mapping of codes to small mappings."""
    mapping: Entry = file.value(key, Entry)
    for code in mapping:
        entry = mapping.value(code, Entry)
        entry.only((*needed, *optional), needed)
        for name in entry:
            if name == "max_age_days":
                entry.count(name, words.DAYS)
            else:
                entry.text(name)
    return mapping


def _coded(mapping: Entry, pattern: str) -> Entry:
    for code in mapping:
        if not re.fullmatch(pattern, code):
            raise mapping.refuse(f"not a code: {code!r}", code)
    return mapping


class World:
    """What the rules may name."""

    def __init__(self, types: Mapping[str, DocumentType], never_shared: Collection[str], file: Entry) -> None:
        self.types = types
        self.forms = {code: kind for code, kind in types.items() if code in never_shared}
        self.conditions = _coded(file.value("conditions", Entry), words.CONDITION)
        for condition in self.conditions:
            self.conditions.text(condition)
        self.statuses = _coded(named(file, "statuses", words.STATUS_KEYS, ("fallback",)), words.CODE)
        self.agencies = _coded(named(file, "agencies", words.AGENCY_KEYS), words.CODE)
        for agency in self.agencies.values():
            agency.chosen("level", words.AGENCY_LEVELS)
        self.groups: dict[str, tuple[Requirement, ...]] = {}

    def group(self, entry: Entry) -> tuple[Requirement, ...]:
        """Members of a group are document types, bare or with levels: a group never names a group."""
        entry.only(("code", "name_id", "any_of"), ("name_id", "any_of"))
        entry.text("name_id")
        members = []
        for member in entry.value("any_of", list):
            item = member
            if isinstance(member, str):
                item = Entry(doc=member)
                item.file, item.line = entry.file, entry.line
            if not isinstance(item, Entry) or "doc" not in item:
                raise entry.refuse("a member of a group is a document type")
            item.only(("doc", "levels"))
            members.append(self.requirement(item))
        if not members:
            raise entry.refuse("a group without members")
        return _distinct(entry, "any_of", members)

    def service(self, entry: Entry) -> Service:
        entry.only((*words.SERVICE_KEYS, *words.SERVICE_OPTIONAL, *words.EXTRAS), words.SERVICE_KEYS)
        self._extras(entry)
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
        applicant = entry.chosen("applicant", words.APPLICANTS) if "applicant" in entry else "person"
        return Service(
            code=entry["code"],
            agency=agency,
            name_id=entry.text("name_id"),
            name_en=entry.text("name_en"),
            requirements=requirements,
            output=entry.texts("output"),
            makes_stale=entry.texts("makes_stale"),
            applicant=applicant,
            not_delegable=entry.value("not_delegable", bool, default=False),
            legal=entry.text("legal"),
            renditions=frozen(self._renditions(entry, requirements)),
            eligibility=entry.texts("eligibility"),
            excludes=entry.texts("excludes"),
            extras=frozen({key: entry[key] for key in words.EXTRAS if key in entry}),
        )

    def requirement(self, entry: Entry, outer: Requirement | None = None) -> Requirement:
        """One entry, its modifiers filled in from ``outer`` where it does not set its own."""
        entry.only((*words.HEADS, *words.MODIFIERS))
        heads = [head for head in words.HEADS if head in entry]
        if len(heads) != 1:
            raise entry.refuse("an entry has exactly one head")
        for key in words.OF_PAPERS if heads[0] in {"status", "form"} else ():
            if key in entry:
                raise entry.refuse(f"a {heads[0]} has no {key!r}", key)
        own = self._modified(entry, heads[0], outer)
        return self._headed(entry, own)

    def _modified(self, entry: Entry, head: str, outer: Requirement | None) -> Requirement:
        base = outer or Requirement(head)
        self._known_conditions(entry, "when")
        subject = entry.chosen("subject", words.ROLES) if "subject" in entry else base.subject
        original = entry.chosen("original", words.ORIGINALS) if "original" in entry else base.original
        background = (
            entry.chosen("background", words.BACKGROUNDS) if "background" in entry else base.background
        )
        rendition = entry.chosen("rendition", words.RENDITIONS) if "rendition" in entry else base.rendition
        tax_year = entry.chosen("tax_year", words.TAX_YEARS) if "tax_year" in entry else base.tax_year
        age = (
            entry.count("max_age_months", words.MONTHS) if "max_age_months" in entry else base.max_age_months
        )
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
            note=entry.text("note"),
            rendition=rendition,
        )

    def _headed(self, entry: Entry, own: Requirement) -> Requirement:
        if own.head in {"any_of", "all_of"}:
            members = tuple(self.requirement(member, own) for member in entry.entries(own.head))
            if not members:
                raise entry.refuse(f"{own.head!r} without members")
            return replace(own, members=_distinct(entry, own.head, members))
        code = entry.value(own.head, str)
        known: dict[str, Mapping[str, Any]] = {
            "doc": self.types,
            "form": self.forms,
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

    def _renditions(self, entry: Entry, requirements: Sequence[Requirement]) -> dict[str, str]:
        """One paper leaves in one manner, whichever entry of the service it stands for."""
        found: dict[str, str] = {}
        for leaf in _leaves(requirements):
            if leaf.head == "doc" and leaf.code:
                rendition = leaf.rendition or STAMPED
                if found.setdefault(leaf.code, rendition) != rendition:
                    raise entry.refuse(f"{leaf.code} has two renditions", "requirements")
        return {code: rendition for code, rendition in found.items() if rendition != STAMPED}

    def _source(self, source: Entry) -> None:
        """Where a rule comes from, and how sure it is: shown to its editors."""
        source.only(("kind", "url", "also", "legal", "confidence", "note"), ("kind", "confidence"))
        source.chosen("kind", words.SOURCE_KINDS)
        source.chosen("confidence", words.CONFIDENCE)
        source.texts("also")
        for key in ("url", "legal", "note"):
            source.text(key)

    def _extras(self, entry: Entry) -> None:
        """The fields that only inform are shown to people, so they must make sense too."""
        for key, kind in words.EXTRAS.items():
            if kind is int and key in entry:
                entry.count(key, words.AMOUNT)
            elif kind is str:
                entry.text(key)
            elif kind is list:
                entry.texts(key)
            else:
                entry.value(key, kind)
        if "guardian_consent" in entry:
            entry.chosen("guardian_consent", words.GUARDIAN_CONSENTS)


def _leaves(requirements: Sequence[Requirement]) -> Iterator[Requirement]:
    for requirement in requirements:
        yield from _leaves(requirement.members) if requirement.members else (requirement,)


def _distinct(entry: Entry, key: str, members: Sequence[Requirement]) -> tuple[Requirement, ...]:
    if len({replace(member, note=None) for member in members}) != len(members):
        raise entry.refuse(f"{key!r} names something twice", key)
    return tuple(members)


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
        rendition=member.rendition or outer.rendition,
    )

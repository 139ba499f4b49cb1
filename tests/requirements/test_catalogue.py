"""The catalogue that is shipped, and catalogues that must not start: file, line and reason in the error."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from exchange.requirements.catalogue import CatalogueError, load_catalogue
from tests.requirements.broken_catalogues import BROKEN, SERVICES, SMALL, TYPES
from tests.requirements.builders import CATALOGUE


def written(folder: Path, changes: dict[str, str] | None = None) -> Path:
    for name, text in (SMALL | (changes or {})).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_small_catalogue_is_right(tmp_path: Path) -> None:
    catalogue = load_catalogue(written(tmp_path))
    assert (len(catalogue.document_types), len(catalogue.services)) == (3, 1)


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "reason"),
    BROKEN,
    ids=[f"{n}-{row[4][:40]}" for n, row in enumerate(BROKEN)],
)
def test_a_broken_catalogue_does_not_start(
    tmp_path: Path, file: str, old: str, new: str, line: int, reason: str
) -> None:
    assert SMALL[file].count(old) == 1, "the table must change exactly one place"
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(written(tmp_path, {file: SMALL[file].replace(old, new)}))
    assert (caught.value.file, caught.value.line) == (file, line)
    assert reason in caught.value.reason
    assert str(caught.value) == f"{file}:{line}: {caught.value.reason}"


def test_how_long_papers_are_kept(tmp_path: Path) -> None:
    """L01, L04: by class, unless the type says otherwise; an act 24 months, a family card 12, a health certificate one."""
    own = SMALL[TYPES].replace(
        "pdp_class: umum, source: [faq]", "pdp_class: umum, retention_months: 36, source: [faq]"
    )
    types = load_catalogue(written(tmp_path, {TYPES: own})).document_types
    assert {code: types[code].retention_months for code in types} == {"KTP": 36, "IJAZAH": 24, "FORM": 24}
    kept = {code: kind.retention_months for code, kind in CATALOGUE.document_types.items()}
    assert (kept["AKTA_LAHIR"], kept["KK"], kept["SK_SEHAT"], CATALOGUE.superseded_months) == (24, 12, 1, 12)
    specific = {code for code, kind in CATALOGUE.document_types.items() if kind.pdp_class == "spesifik"}
    assert all((kept[code] < 24) == (code in specific) for code in kept)


@pytest.mark.parametrize("text", ["", "[]", "just words", "- a\n- b"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogueError, match=r"services\.yaml:1: must be a mapping"):
        load_catalogue(written(tmp_path, {SERVICES: text}))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / SERVICES).unlink()
    with pytest.raises(CatalogueError, match=r"services\.yaml:1: cannot be read: FileNotFoundError"):
        load_catalogue(tmp_path)
    (tmp_path / SERVICES).write_bytes(b"version: \xff\xfe")
    with pytest.raises(CatalogueError, match=r"services\.yaml:1: not YAML: UnicodeDecodeError"):
        load_catalogue(tmp_path)
    (tmp_path / SERVICES).write_bytes(b"version: 1\nconditions: \xff")
    with pytest.raises(CatalogueError, match=r"services\.yaml:2: not YAML: UnicodeDecodeError"):
        load_catalogue(tmp_path)


def test_services_without_requirements(tmp_path: Path) -> None:
    text = SMALL[SERVICES]
    empty = text[: text.index("  requirements:")] + "  requirements: []\n" + text[text.index("  output:") :]
    with pytest.raises(CatalogueError, match=r"services\.yaml:13: a service without requirements"):
        load_catalogue(written(tmp_path, {SERVICES: empty}))


# ---- what is shipped


def test_counts() -> None:
    """56 types, 30 core, 5 groups, 39 services of 20 agencies (``domain.md`` 4 and 5)."""
    assert len(CATALOGUE.document_types) == 56
    assert len(CATALOGUE.core_codes) == 30
    assert len(CATALOGUE.groups) == 5
    assert len(CATALOGUE.services) == 39
    assert len(CATALOGUE.agencies) == len({service.agency for service in CATALOGUE.services.values()}) == 20
    assert CATALOGUE.never_shared == {
        "FORM_F101",
        "FORM_F102",
        "FORM_F201",
        "FORM_PERMOHONAN",
        "DOK_LAIN",
        "SIDIK_JARI",
    }
    assert CATALOGUE.short_life == {"SK_SEHAT", "SK_PSIKOLOGI"}


@pytest.mark.parametrize(
    ("member", "counts"),
    [
        ("validity", {"lifetime": 16, "until_event": 11, "printed_expiry": 6, "months": 6, "purpose_window": 16, "tax_year": 1}),
        ("native", {"tte_pdf": 13, "card": 6, "paper": 34, "app": 3}),
        ("pdp_class", {"umum": 36, "spesifik": 20}),
    ],
)  # fmt: skip
def test_counts_of_section_4(member: str, counts: dict[str, int]) -> None:
    values = [getattr(kind, member) for kind in CATALOGUE.document_types.values()]
    found = [getattr(value, "kind", value) for value in values]
    assert {value: found.count(value) for value in set(found)} == counts


def test_services_for_each_agency() -> None:
    agencies = [service.agency for service in CATALOGUE.services.values()]
    counted = {agency: agencies.count(agency) for agency in set(agencies)}
    assert counted["DISDUKCAPIL"] == 8
    assert {agency for agency, count in counted.items() if count == 3} == {
        "DPMPTSP",
        "IMIGRASI",
        "POLRI",
        "BPJSKES",
    }
    assert {agency for agency, count in counted.items() if count == 2} == {"SAMSAT", "DJP", "BPN", "BAPENDA"}


def test_groups() -> None:
    members = {name: [member.code for member in group] for name, group in CATALOGUE.groups.items()}
    assert members == {
        "PROOF_OF_IDENTITY": ["KTP", "IKD", "SUKET_REKAM"],
        "PROOF_OF_IDENTITY_BROAD": ["KTP", "IKD", "SUKET_REKAM", "PASPOR", "SIM", "KITAP_KITAS"],
        "PROOF_OF_MARRIAGE": ["BUKU_NIKAH", "AKTA_KAWIN"],
        "PROOF_OF_BIRTH_PARENTS": ["AKTA_LAHIR", "BUKU_NIKAH", "AKTA_KAWIN", "IJAZAH"],
        "PROOF_OF_DEATH": ["AKTA_KEMATIAN", "SK_KEMATIAN"],
    }
    assert CATALOGUE.groups["PROOF_OF_BIRTH_PARENTS"][3].levels == ("SD", "SMP", "SMA")


def test_only_these_are_shown_at_the_counter() -> None:
    shown = {code for code in CATALOGUE.document_types if CATALOGUE.at_counter(code)}
    assert shown == CATALOGUE.never_shared | {"IKD"}


@pytest.mark.parametrize(
    ("holder", "member", "value"),
    [
        (CATALOGUE.document_types["KTP"], "pdp_class", "umum"),
        (CATALOGUE.document_types["KTP"].validity, "months", 1),
        (CATALOGUE.document_types["KTP"].number, "strict", False),
        (CATALOGUE.services["POLRI.SKCK_BARU"], "requirements", ()),
        (CATALOGUE.services["POLRI.SKCK_BARU"].requirements[0], "original", None),
        (CATALOGUE, "never_shared", frozenset()),
    ],
)
def test_objects_are_frozen(holder: object, member: str, value: object) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(holder, member, value)


@pytest.mark.parametrize(
    "mapping",
    [
        CATALOGUE.document_types,
        CATALOGUE.services,
        CATALOGUE.groups,
        CATALOGUE.conditions,
        CATALOGUE.agencies,
        CATALOGUE.agencies["POLRI"],
        CATALOGUE.statuses["JKN_ACTIVE"],
        CATALOGUE.services["POLRI.SKCK_BARU"].extras,
        CATALOGUE.services["POLRI.SKCK_BARU"].extras["source"],
    ],
)
def test_mappings_are_read_only(mapping: Any) -> None:
    with pytest.raises(TypeError):
        mapping["X"] = 1
    assert isinstance(CATALOGUE.services["IMIGRASI.PASPOR_BARU_DEWASA"].extras["consistency"], tuple)


def test_a_service_as_the_api_shows_it() -> None:
    """Provenance is for editors, not for citizens (``domain.md`` 8): no note, no address of a page."""
    shown = CATALOGUE.services["IMIGRASI.PASPOR_GANTI"].as_dict()
    assert (shown["excludes"], shown["not_delegable"]) == (["lost", "damaged"], True)
    assert shown["requirements"][0] == {
        "head": "doc", "code": "PASPOR", "subject": "applicant", "original": "submitted",
    }  # fmt: skip
    assert shown["source"] == {"kind": "web", "confidence": "high"}
    assert "note" not in shown
    for service in CATALOGUE.services.values():
        assert "http" not in str(service.as_dict())

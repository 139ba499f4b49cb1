"""One paper of a synthetic citizen: its facts, and what kind of file it will be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

Shape = Literal["scan", "page", "pages", "photo", "portrait"]
"""A flatbed scan (JPEG), a one-page PDF, a PDF of several scanned pages, a phone photo (JPEG), a pas foto (JPEG)."""

_SHAPES: dict[str, Shape] = {
    "KK": "page",
    "AKTA_LAHIR": "page",
    "STR": "page",
    "SKCK": "page",
    "NPWP": "page",
    "NPWP_BADAN": "page",
    "NIB": "page",
    "SK_PSIKOLOGI": "page",
    "SERTIPIKAT_TANAH": "pages",
    "AKTA_PENDIRIAN": "pages",
    "AKTA_CERAI": "pages",
    "N1": "pages",
    "PASFOTO": "portrait",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """What is given at intake: ``number`` and ``about`` (plate, NOP) travel in headers, the rest in the query."""

    type: str
    shape: Shape
    issued_on: date
    valid_until: date | None = None
    tax_year: int | None = None
    level: str | None = None
    background: str | None = None
    number: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class PaperPlan:
    """A paper before its holder is known: dates in days, the tax year relative to the running one."""

    type: str
    shape: Shape
    issued_days_ago: int
    lasts_days: int | None
    tax_year_offset: int | None
    rest: Paper

    def numbered(self, nik: str, family_card: str, place: int, today: date) -> Paper:
        """The paper of the citizen who stands at ``place`` of the register."""
        issued_on = today - timedelta(days=self.issued_days_ago)
        tax_year = None if self.tax_year_offset is None else today.year + self.tax_year_offset
        if tax_year is not None:
            issued_on = min(today, date(tax_year, 2, 15))  # tax notices go out in February
        return replace(
            self.rest,
            issued_on=issued_on,
            valid_until=None if self.lasts_days is None else today + timedelta(days=self.lasts_days),
            tax_year=tax_year,
            number=_number(self.type, nik, family_card, place, issued_on, self.rest.about),
        )


def paper(
    kind: str,
    *,
    issued: int,
    lasts: int | None = None,
    tax_year: int | None = None,
    level: str | None = None,
    background: str | None = None,
    about: str | None = None,
    shape: Shape | None = None,
) -> PaperPlan:
    """``issued`` days ago, ends in ``lasts`` days (negative: ended), ``tax_year`` 0 is the running year."""
    form = shape or _SHAPES.get(kind, "scan")
    rest = Paper(kind, form, date.min, level=level, background=background, about=about)
    return PaperPlan(kind, form, issued, lasts, tax_year, rest)


def _number(
    kind: str, nik: str, family_card: str, place: int, issued_on: date, about: str | None
) -> str | None:
    """A number of the form that the catalogue expects, synthetic by its serial (domain.md section 3)."""
    numbers = {
        "KTP": nik,
        "KIA": nik,
        "NPWP": nik,
        "KK": family_card,
        "AKTA_LAHIR": f"6472-LU-{issued_on:%d%m%Y}-99{place:02d}",
        "SIM": f"9999{issued_on:%d%m%y}99{place:02d}",
        "PASPOR": f"Z00000{place:02d}",
        "KARTU_JKN": f"00000000099{place:02d}",
        "KARTU_BPJSTK": f"000000099{place:02d}",
        "NIB": f"00000000099{place:02d}",
        "NPWP_BADAN": "0999999998999000",
        "STNK": about,
        "SPPT_PBB": about,
        "BUKU_REKENING": f"00000099{place:02d}",
        "PASFOTO": None,
    }
    return numbers.get(kind, f"{kind}/99{place:02d}/{issued_on.year}")

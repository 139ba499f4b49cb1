"""The synthetic world of the sandbox: one site, eight agencies, twelve officers, twenty citizens in families.

No person here exists. Every NIK and Nomor KK has a serial 99xx, which no kecamatan gives out (domain.md section 3).
Dates are relative to ``today``, the day the world is made: keep that day with the sandbox, and build the same
world from it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from exchange.cli.sandbox.households import write_households
from exchange.cli.sandbox.kinds import Paper
from exchange.cli.sandbox.register import Citizen, Register

__all__ = ["AGENCIES", "OFFICERS", "Agency", "Citizen", "Officer", "Paper", "World", "sandbox_world"]

SITE_CODE = "6472"
SITE_ZONE = "Asia/Makassar"
SITE_NAME = "MPP Kota Samarinda"


@dataclass(frozen=True, slots=True)
class Agency:
    id: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Officer:
    username: str
    name: str
    agency: str
    counter: str
    role: Literal["officer", "supervisor"]


@dataclass(frozen=True, slots=True)
class World:
    today: date
    site_code: str
    site_name: str
    zone: str
    agencies: tuple[Agency, ...]
    officers: tuple[Officer, ...]
    citizens: tuple[Citizen, ...]


AGENCIES = tuple(
    Agency(f"{code}@{SITE_CODE}", code, name)
    for code, name in (
        ("DISDUKCAPIL", "Disdukcapil Kota Samarinda"),
        ("DPMPTSP", "DPMPTSP Kota Samarinda"),
        ("IMIGRASI", "Kantor Imigrasi Samarinda"),
        ("POLRI", "Polresta Samarinda"),
        ("SAMSAT", "Samsat Samarinda"),
        ("BPJSKES", "BPJS Kesehatan Cabang Samarinda"),
        ("KUA", "KUA Samarinda Kota"),
        ("DINKES", "Dinas Kesehatan Kota Samarinda"),
    )
)


def _officer(agency: str, number: int, name: str, counter: str, *, leads: bool = False) -> Officer:
    username = f"{agency.lower()}.{number}"
    return Officer(
        username, f"Petugas {name}", f"{agency}@{SITE_CODE}", counter, "supervisor" if leads else "officer"
    )


OFFICERS = (
    _officer("DPMPTSP", 1, "Contoh Alfa", "Loket 4"),
    _officer("DPMPTSP", 2, "Contoh Bravo", "Loket 5"),
    _officer("DPMPTSP", 3, "Contoh Charlie", "Loket 4", leads=True),
    _officer("DISDUKCAPIL", 1, "Contoh Delta", "Loket 1"),
    _officer("DISDUKCAPIL", 2, "Contoh Eko", "Loket 2", leads=True),
    _officer("IMIGRASI", 1, "Contoh Foxtrot", "Loket 11"),
    _officer("POLRI", 1, "Contoh Golf", "Loket 14"),
    _officer("POLRI", 2, "Contoh Hotel", "Loket 14", leads=True),
    _officer("SAMSAT", 1, "Contoh India", "Loket 16"),
    _officer("BPJSKES", 1, "Contoh Juliet", "Loket 20"),
    _officer("KUA", 1, "Contoh Kilo", "Loket 23"),
    _officer("DINKES", 1, "Contoh Lima", "Loket 7"),
)


def sandbox_world(today: date) -> World:
    """The same world for the same day."""
    register = Register(today)
    write_households(register)
    return World(today, SITE_CODE, SITE_NAME, SITE_ZONE, AGENCIES, OFFICERS, register.citizens)

"""Ledger entries in a citizen's words: who did what, and why an attempt was refused.

Every text of the tables here is gathered for translation (``tests/pages/gather.py``). ``say`` translates; without it a
sentence stays Indonesian.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from exchange.pages import rights, trail_acts
from exchange.pages.languages import Say
from exchange.pages.views import Access
from exchange.pages.wording import local

# Behind the agency's name: what was done, and what was tried in vain.
_ACTS: dict[str, tuple[str, str]] = {
    "readiness": (
        "memeriksa kelengkapan berkas Anda, tanpa membuka isinya",
        "mencoba memeriksa kelengkapan berkas Anda",
    ),
    "request": ("meminta persetujuan Anda", "mencoba meminta persetujuan Anda"),
    "intake": ("menyimpan dokumen", "mencoba menyimpan dokumen"),
    "supersede": ("mengganti dokumen dengan versi baru", "mencoba mengganti dokumen"),
    "ticket": ("menyiapkan pembukaan dokumen", "mencoba menyiapkan pembukaan dokumen"),
    "release": ("melihat dokumen", "mencoba membuka dokumen"),
    "redelivery": ("melihat ulang dokumen", "mencoba membuka ulang dokumen"),
    "outcome": ("selesai menerima dokumen", "mencoba menerima dokumen"),
    "contact": ("mengubah kontak Anda", "mencoba mengubah kontak Anda"),
    "withdraw": (
        "mencatat penarikan kembali persetujuan Anda",
        "mencoba mencatat penarikan kembali persetujuan Anda",
    ),
    "erase": ("menghapus dokumen", "mencoba menghapus dokumen"),
}
_ANY_ACT = ("mencatat kegiatan", "mencoba melakukan kegiatan")
_BY_MACHINE = {"release": "mengambil dokumen", "redelivery": "mengambil ulang dokumen"}
# Whole sentences, with nobody in front.
_BY_CITIZEN = {
    "grant": "Anda mengizinkan",
    "refuse": "Anda menolak",
    "withdraw": "Anda menarik kembali persetujuan",
}
# Who acted for the reader of the list: told of the grant, the refusal and the withdrawal.
_REPRESENTATIVES = {
    "parent": "Orang tua Anda",
    "guardian": "Wali Anda",
    "curator": "Pengampu Anda",
    "power_of_attorney": "Penerima kuasa Anda",
}
_ANY_REPRESENTATIVE = "Yang mewakili Anda"
_TAKEN_BACK_BY_OTHER = "Orang yang Anda wakili menarik kembali persetujuan"
_BY_REPRESENTATIVE = {
    "grant": ("mengizinkan", "mencoba mengizinkan"),
    "refuse": ("menolak", "mencoba menolak"),
    "preview": ("melihat pratinjau dokumen Anda", "mencoba melihat pratinjau dokumen Anda"),
    "withdraw": ("menarik kembali persetujuan", "mencoba menarik kembali persetujuan"),
}

# A refused answer may have come from somebody else who holds the link, so it is not told as the citizen's act.
_THROUGH_LINK = {
    "grant": "Ada percobaan menyetujui lewat tautan Anda",
    "refuse": "Ada percobaan menolak lewat tautan Anda",
    "withdraw": "Ada percobaan menarik kembali persetujuan",
}

_HOLDERS_CONSENT = "persetujuan pemegang dokumen"
_ON_CONSENT = frozenset({"ticket", "release", "redelivery", "outcome"})

_BASES: dict[str, str] = {
    "consent": "persetujuan Anda",
    "contract": "perjanjian",
    "legal_obligation": "kewajiban hukum, tanpa persetujuan",
    "legal_duty": "kewajiban hukum, tanpa persetujuan",
    "vital_interest": "kepentingan vital, tanpa persetujuan",
    "public_task": "tugas pelayanan publik, tanpa persetujuan",
    "legitimate_interest": "kepentingan yang sah, tanpa persetujuan",
}
_ONE_CONSENT = "persetujuan {number}"


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    accesses: tuple[Access, ...]


def by_day(accesses: Iterable[Access], zone: str) -> Sequence[Day]:
    """Newest first, on the site's calendar; inside a day the ledger's order decides, not the clock."""
    ordered = sorted(accesses, key=lambda access: access.entry_no, reverse=True)
    days = groupby(ordered, key=lambda access: local(access.at, zone).date())
    return [Day(day, tuple(entries)) for day, entries in days]


def proves_opening(access: Access) -> bool:
    """A paper of the reader's left: what its proof is asked for."""
    return access.event in _BY_MACHINE and access.allowed and not access.names_you


def speaks_alone(access: Access) -> bool:
    """A whole sentence: no agency stands in front of it."""
    if access.actor == "representative" and access.event in _BY_REPRESENTATIVE:
        return True
    if _represented(access):
        return True
    if access.actor == "citizen" and (_key(access) in rights.BY_CITIZEN or access.event in _BY_CITIZEN):
        return True
    return _key(access) in trail_acts.ALONE


def act_words(access: Access, say: Say = str) -> str:
    """What happened. An unknown kind of entry is shown as such: no entry is ever left out."""
    if by_represented := _represented(access):
        return say(by_represented)
    if access.actor == "representative" and access.event in _BY_REPRESENTATIVE:
        done, tried = _BY_REPRESENTATIVE[access.event]
        who = _REPRESENTATIVES.get(access.relation or "", _ANY_REPRESENTATIVE)
        return f"{say(who)} {say(done if access.allowed else tried)}"
    if (alone := trail_acts.ALONE.get(_key(access))) is not None:
        return say(alone[0] if access.allowed else alone[1])
    if access.actor == "citizen" and (own := rights.BY_CITIZEN.get(_key(access))) is not None:
        return say(own[0] if access.allowed else own[1])
    if speaks_alone(access):
        return say((_BY_CITIZEN if access.allowed else _THROUGH_LINK)[access.event])
    done, tried = trail_acts.ACTS_APART.get(_key(access), _ACTS.get(access.event, _ANY_ACT))
    if not access.allowed:
        return say(tried)
    return say(_BY_MACHINE.get(access.event, done) if access.machine else done)


def _represented(access: Access) -> str | None:
    """The withdrawal by the one for whom the reader had decided."""
    done = access.actor == "represented" and access.event == "withdraw"
    return _TAKEN_BACK_BY_OTHER if done else None


def _key(access: Access) -> tuple[str, str]:
    return access.event, access.act or ""


def basis_words(access: Access, say: Say = str) -> str | None:
    """The legal basis on which an entry rests, a consent by its number. A question, an answer and an attempt that was
    refused rest on no consent. A paper of another that names the reader was read on the holder's consent.
    """
    if access.names_you and access.lawful_basis == "consent":
        return say(_HOLDERS_CONSENT) if access.allowed and access.event in _ON_CONSENT else None
    if access.lawful_basis in {None, "consent"}:
        if not access.allowed or access.event not in _ON_CONSENT:
            return None
        if access.consent_reference:
            return say(_ONE_CONSENT).format(number=access.consent_reference)
    return say(basis_name(access.lawful_basis)) if access.lawful_basis else None


def basis_name(basis: str) -> str:
    """A code of UU 27/2022 art. 20(2) in words."""
    return _BASES.get(basis, basis)

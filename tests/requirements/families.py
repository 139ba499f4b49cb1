"""Three synthetic families for the table of all services; the day is 24 November 2026."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exchange.requirements.rules import Paper
from tests.requirements.builders import CATALOGUE, paper


@dataclass(frozen=True)
class Family:
    parties: Mapping[str, Sequence[str]]
    papers: Sequence[Paper]
    answers: Mapping[str, bool]


def answered(*yes: str, open_: Sequence[str] = ()) -> dict[str, bool]:
    """Everything is answered with no, but for these."""
    return {code: code in yes for code in CATALOGUE.conditions if code not in open_}


def _has(ref: str, *codes: str) -> list[Paper]:
    return [paper(ref, code) for code in codes]


# A single adult: every paper is up to date, every question is answered with no.
RINA = Family(
    parties={
        role: ["rina"]
        for role in ("applicant", "owner", "family", "account_holder", "business", "director", "buyer")
    },
    papers=[
        *_has(
            "rina", "KTP", "KK", "AKTA_LAHIR", "NPWP", "BPKB", "KARTU_JKN", "KARTU_BPJSTK", "STR", "PAKLARING"
        ),
        *_has(
            "rina",
            "BUKU_REKENING",
            "NIB",
            "NPWP_BADAN",
            "AKTA_PENDIRIAN",
            "SERTIPIKAT_TANAH",
            "AJB",
            "SSPD_BPHTB",
        ),
        paper("rina", "PASPOR", until="2031-05-01"),
        paper("rina", "SIM", until="2028-05-01"),
        paper("rina", "STNK", until="2028-05-01"),
        paper("rina", "SKCK", "2026-08-01"),
        paper("rina", "IJAZAH", level="S1"),
        paper("rina", "SK_SEHAT", "2026-11-10"),
        paper("rina", "SK_PSIKOLOGI", "2026-10-01"),
        paper("rina", "PASFOTO", background="red"),
        paper("rina", "SPPT_PBB", tax_year=2026),
    ],
    answers=answered(),
)

# Budi and Sari with their newborn Bayu. Many papers are stale, expired or one day too old; three questions are open.
BUDI = Family(
    parties={
        "applicant": ["budi"],
        "father": ["budi"],
        "mother": ["sari"],
        "child": ["bayu"],
        "family": ["budi", "sari", "bayu"],
        "couple": ["budi", "sari"],
        "owner": ["budi"],
        "buyer": ["budi"],
        "account_holder": ["sari"],
    },
    papers=[
        *_has("budi", "AKTA_LAHIR", "NPWP", "SK_BPKB_BANK", "PAKLARING", "BUKU_NIKAH", "SERTIPIKAT_TANAH"),
        paper("budi", "KTP", stale="marry"),
        paper("budi", "KK", stale="birth_in_family"),
        paper("budi", "KARTU_BPJSTK", stale="job_change"),
        paper("budi", "PASPOR", until="2026-10-20"),
        paper("budi", "SIM", until="2026-11-23"),  # one day late
        paper("budi", "STNK", until="2026-09-30"),
        paper("budi", "SIP", until="2026-08-01"),
        paper("budi", "STR", until="2026-01-31"),  # an older STR with a date on it
        paper("budi", "SKCK", "2025-04-01"),  # 18 months ended on 1 October
        paper("budi", "IJAZAH", level="S1"),
        paper("budi", "PASFOTO", background="blue"),
        paper("budi", "SK_SEHAT", "2026-10-23"),  # one month ended yesterday; three have not
        paper("budi", "SK_PSIKOLOGI", "2026-05-24"),  # six months end today
        paper("budi", "SKTM", "2026-05-23"),  # six months ended yesterday
        paper("budi", "N1", "2026-08-24"),  # three months end today
        paper("budi", "SPPT_PBB", tax_year=2025),
        paper("sari", "SUKET_REKAM", "2026-08-01"),
        paper("sari", "KARTU_JKN", stale="birth_in_family"),
        paper("sari", "BUKU_REKENING"),
        paper("sari", "PASPOR", until="2030-01-01"),
        paper("sari", "N1", "2026-08-23"),  # three months ended yesterday
        paper("bayu", "SK_LAHIR", "2026-10-24"),  # one month ends today
    ],
    answers=answered(
        "married", "data_change", "purpose_abroad", "renewal", "self_employed_practice", "subsidised_power",
        "birth_notice_missing", "autodebet_not_set", "balance_over_50m",
        open_=("vehicle_pledged", "business_income", "second_practice"),
    ),
)  # fmt: skip

# Hadi has died. His widow Wati acts through Lina; Agus runs the firm; land and vehicle are still Hadi's.
WATI = Family(
    parties={
        "applicant": ["wati"],
        "proxy": ["lina"],
        "deceased": ["hadi"],
        "heirs": ["wati", "agus", "dewi"],
        "couple": ["hadi", "wati"],
        "family": ["wati", "dewi"],
        "owner": ["hadi"],
        "business": ["agus"],
        "director": ["agus"],
        "seller": ["agus"],
        "buyer": ["dewi"],
        "account_holder": ["wati"],
    },
    papers=[
        *_has("hadi", "KTP", "SK_KEMATIAN", "AKTA_KEMATIAN", "SK_PENSIUN", "SERTIPIKAT_TANAH", "SK_BPKB_BANK"),
        paper("hadi", "KK", stale="death_in_family"),
        paper("hadi", "SPPT_PBB", tax_year=2026),
        paper("hadi", "STNK", until="2027-06-01"),
        *_has("wati", "KTP", "KK", "BUKU_NIKAH", "BUKU_REKENING", "SK_WARIS", "SSPD_BPHTB", "SURAT_KUASA", "KARTU_JKN"),
        paper("wati", "PASFOTO", background="red"),
        paper("wati", "IJAZAH", level="SD"),
        *_has("agus", "KTP", "KK", "NPWP", "NIB", "AKTA_PENDIRIAN"),
        paper("agus", "NPWP_BADAN", stale="business_change"),
        *_has("dewi", "KTP"),
        paper("lina", "KTP", stale="move_kecamatan"),
    ],
    answers=answered(
        "represented", "legal_entity", "widowed", "has_will", "vehicle_pledged", "child_student_21_25",
        "power_2200va_up",
    ),
)  # fmt: skip

FAMILIES = {"rina": RINA, "budi": BUDI, "wati": WATI}

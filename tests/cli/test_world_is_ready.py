"""What the sandbox says of its citizens is what the evaluator answers: complete, or short of exactly one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from exchange.cli.sandbox.families import sandbox_world
from exchange.requirements.catalogue import load_catalogue
from exchange.requirements.masking import mask_sensitive
from exchange.requirements.rules import Evaluation, Paper, evaluate

CATALOGUE = load_catalogue()
DAYS = [date(2026, 11, 24), date(2027, 1, 2), date(2028, 2, 29)]
CONTOH = {"applicant": "Budi Contoh", "father": "Budi Contoh", "mother": "Sari Contoh"}
PERCOBAAN = {"applicant": "Rudi Percobaan", "father": "Rudi Percobaan", "mother": "Dewi Percobaan"}
PURWARUPA = {"applicant": "Hendra Purwarupa", "father": "Hendra Purwarupa", "mother": "Lina Purwarupa"}
OWNER = {"applicant": "Hendra Purwarupa", "business": "Hendra Purwarupa", "director": "Hendra Purwarupa"}
LIVE = "unverified"  # a live check that no source answers (JKN active)

# The citizen whose purpose it is, the service, who plays which part, what is answered with yes, and the entries that
# are neither valid nor shown at the counter.
CLAIMS: list[tuple[str, str, Mapping[str, str], Sequence[str], dict[str, str]]] = [
    ("Budi Contoh", "POLRI.SKCK_BARU", {}, (), {"5": LIVE, "7": "missing"}),
    ("Budi Contoh", "IMIGRASI.PASPOR_BARU_DEWASA", {}, (), {}),
    ("Sari Contoh", "DPMPTSP.SIP_NAKES", {}, (), {}),
    ("Bayu Contoh", "IMIGRASI.PASPOR_ANAK", {**CONTOH, "child": "Bayu Contoh"}, (), {"4": "missing", "6": "missing"}),
    ("Melati Contoh", "BPJSKES.BAYI_BARU_LAHIR", {**CONTOH, "child": "Melati Contoh"}, (), {}),
    ("Melati Contoh", "DISDUKCAPIL.AKTA_LAHIR", {**CONTOH, "child": "Melati Contoh"}, (), {}),
    ("Rudi Percobaan", "POLRI.SIM_PERPANJANG", {}, (), {"0": "expired", "4": LIVE}),
    ("Dewi Percobaan", "IMIGRASI.PASPOR_GANTI", {}, (), {"0": "old_copy"}),
    ("Adi Percobaan", "DISDUKCAPIL.KTP_BARU", {}, (), {}),
    ("Nita Percobaan", "DISDUKCAPIL.KIA", {**PERCOBAAN, "child": "Nita Percobaan"}, (), {"3": "missing"}),
    ("Contohwati", "DINSOS.PBI_JKN", {"family": "Contohwati"}, (), {"3": "missing"}),
    ("Joko Sintetis", "SAMSAT.STNK_TAHUNAN", {"owner": "Joko Sintetis"}, (), {}),
    ("Joko Sintetis", "POLRI.SIM_PERPANJANG", {}, (), {"4": LIVE}),
    ("Rina Simulasi", "DISNAKER.AK1", {}, (), {"5": "missing"}),
    ("Tono Simulasi", "IMIGRASI.PASPOR_BARU_DEWASA", {}, (), {"2": "missing"}),
    ("Maya Ujian", "DISDUKCAPIL.KK_UBAH", {}, (), {}),
    ("Hendra Purwarupa", "DINKES.SPP_IRT", OWNER, (), {}),
    ("Hendra Purwarupa", "DPMPTSP.PBG", OWNER, ("legal_entity",), {}),
    ("Hendra Purwarupa", "BPOM.REG_PANGAN", OWNER, ("legal_entity",), {}),
    ("Lina Purwarupa", "BPJSKES.DAFTAR_PBPU", {"family": "Lina Purwarupa"}, (), {}),
    ("Lina Purwarupa", "POLRI.SKCK_PERPANJANG", {}, ("expired_less_than_1_year",), {"5": LIVE}),
    ("Putri Purwarupa", "IMIGRASI.PASPOR_ANAK", {**PURWARUPA, "child": "Putri Purwarupa"}, (), {"4": "missing", "6": "missing"}),
    ("Agus Peraga", "KUA.DAFTAR_NIKAH", {"couple": "Agus Peraga"}, (), {}),
    ("Wulan Ujicoba", "KUA.DAFTAR_NIKAH", {"couple": "Wulan Ujicoba"}, (), {"4": "missing"}),
    ("Yusuf Model", "BAPENDA.PBB_MUTASI", {}, (), {"2": "old_copy"}),
    ("Siti Model", "BPJSTK.JHT_BERHENTI", {}, (), {}),
]  # fmt: skip


def answer(
    today: date,
    code: str,
    parts: Mapping[str, Sequence[str]],
    yes: Sequence[str] = (),
    *,
    counter: bool = False,
) -> Evaluation:
    """With every question answered; ``counter`` is what the officer is shown."""
    papers = [
        Paper(
            document_id=f"{citizen.name}/{held.type}",
            version=1,
            type=held.type,
            subject_ref=citizen.name,
            issued_on=held.issued_on,
            valid_until=held.valid_until,
            tax_year=held.tax_year,
            level=held.level,
            background=held.background,
        )
        for citizen in sandbox_world(today).citizens
        for held in citizen.papers
    ]
    evaluation = evaluate(
        CATALOGUE,
        CATALOGUE.services[code],
        papers=papers,
        parties=parts,
        answers={condition: condition in yes for condition in CATALOGUE.conditions},
        today=today,
    )
    return mask_sensitive(evaluation, CATALOGUE) if counter else evaluation


@pytest.mark.parametrize("today", DAYS, ids=str)
@pytest.mark.parametrize(
    ("citizen", "code", "parts", "yes", "open_entries"), CLAIMS, ids=[f"{row[0]}-{row[1]}" for row in CLAIMS]
)
def test_each_purpose(
    today: date,
    citizen: str,
    code: str,
    parts: Mapping[str, str],
    yes: Sequence[str],
    open_entries: dict[str, str],
) -> None:
    """Complete but for what the purpose says, optional papers and live checks."""
    evaluation = answer(
        today, code, {role: [name] for role, name in ({"applicant": citizen} | dict(parts)).items()}, yes
    )
    found = {row.path: row.state for row in evaluation.entries if row.state not in {"valid", "at_counter"}}
    assert found == open_entries
    unsatisfied = [row for row in evaluation.entries if not row.satisfied]
    lacking = [row for row in unsatisfied if row.head != "status"]
    claim = next(row for row in sandbox_world(today).citizens if row.name == citizen).purpose
    says_lacking = ("kurang", "sudah lewat")
    assert len(lacking) == any(word in claim for word in says_lacking), f"{claim}: {lacking}"
    assert evaluation.complete is not bool(unsatisfied)


def test_every_purpose_has_a_row() -> None:
    assert {row[0] for row in CLAIMS} == {citizen.name for citizen in sandbox_world(DAYS[0]).citizens}


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_the_couple_lacks_one_health_letter(today: date) -> None:
    couple = {"applicant": ["Agus Peraga"], "couple": ["Agus Peraga", "Wulan Ujicoba"]}
    evaluation = answer(today, "KUA.DAFTAR_NIKAH", couple)
    assert [row.code for row in evaluation.entries if not row.satisfied] == ["SK_SEHAT"]


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_the_land_of_last_years_tax_notice(today: date) -> None:
    parts = {"applicant": ["Yusuf Model"], "seller": ["Yusuf Model"], "buyer": ["Siti Model"]}
    evaluation = answer(today, "BPN.BALIK_NAMA_JUAL_BELI", parts)
    row = next(row for row in evaluation.entries if row.code == "SPPT_PBB")
    assert (row.state, row.reason) == ("expired", "other_tax_year")


@pytest.mark.parametrize(
    ("citizen", "code", "parts"),
    [
        ("Maya Ujian", "DISDUKCAPIL.KK_UBAH", {}),
        ("Contohwati", "DINSOS.PBI_JKN", {"family": ["Contohwati"]}),
        ("Sari Contoh", "DPMPTSP.SIP_NAKES", {}),
    ],
)
def test_where_the_counter_is_only_told_to_ask(citizen: str, code: str, parts: dict[str, list[str]]) -> None:
    """Complete on file; a divorce act, a SKTM or a health letter is not told before the citizen agrees."""
    everybody = {"applicant": [citizen], **parts}
    assert answer(DAYS[0], code, everybody).complete
    shown = answer(DAYS[0], code, everybody, counter=True)
    assert [row.state for row in shown.entries if not row.satisfied] == ["ask"]

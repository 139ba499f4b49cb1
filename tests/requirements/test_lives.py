"""How long a paper serves: the validity kinds of ``domain.md`` 4, and the readings on age and the old copy."""

from __future__ import annotations

import pytest

from exchange.requirements.papers import add_months
from tests.requirements.builders import CATALOGUE, TODAY, first, looked, paper, service, states

# ---- validity kinds (section 4): requirement, paper, state and reason on 24 November 2026

LIVES = [
    ("lifetime_has_no_date", "{doc: KTP}", paper("budi", "KTP", "1999-01-01"), "valid", None),
    ("lifetime_with_a_date", "{doc: STR}", paper("budi", "STR", until="2026-11-23"), "expired", "expired"),
    ("until_event_without_event", "{doc: NIB}", paper("budi", "NIB", "2001-01-01"), "valid", None),
    ("until_event_after_event", "{doc: NIB}", paper("budi", "NIB", stale="business_change"), "stale", "business_change"),
    ("printed_on_its_last_day", "{doc: SIM}", paper("budi", "SIM", until="2026-11-24"), "valid", None),
    ("printed_one_day_late", "{doc: SIM}", paper("budi", "SIM", until="2026-11-23"), "expired", "expired"),
    ("printed_but_not_read", "{doc: SIM}", paper("budi", "SIM"), "unverified", "expiry_unknown"),
    ("usual_life_never_counts", "{doc: SIM}", paper("budi", "SIM", "2015-01-01", until="2027-01-01"), "valid", None),
    ("months_on_its_last_day", "{doc: SKCK}", paper("budi", "SKCK", "2026-05-24"), "valid", None),
    ("months_one_day_late", "{doc: SKCK}", paper("budi", "SKCK", "2026-05-23"), "expired", "expired"),
    ("months_shortened_by_print", "{doc: SK_DOMISILI}", paper("budi", "SK_DOMISILI", "2026-08-01", until="2026-11-01"), "expired", "expired"),
    ("months_not_lengthened", "{doc: SK_DOMISILI}", paper("budi", "SK_DOMISILI", "2026-01-01", until="2027-01-01"), "expired", "expired"),
    ("months_of_unknown_start", "{doc: SKCK}", paper("budi", "SKCK", None), "unverified", "issue_date_unknown"),
    ("window_without_receiver", "{doc: SK_SEHAT}", paper("budi", "SK_SEHAT", "2010-01-01"), "valid", None),
    ("window_on_its_last_day", "{doc: SK_SEHAT, max_age_months: 1}", paper("budi", "SK_SEHAT", "2026-10-24"), "valid", None),
    ("window_one_day_late", "{doc: SK_SEHAT, max_age_months: 1}", paper("budi", "SK_SEHAT", "2026-10-23"), "expired", "too_old"),
    ("window_of_unknown_start", "{doc: SK_SEHAT, max_age_months: 1}", paper("budi", "SK_SEHAT", None), "unverified", "issue_date_unknown"),
    ("tax_year_running", "{doc: SPPT_PBB}", paper("budi", "SPPT_PBB", tax_year=2026), "valid", None),
    ("tax_year_over", "{doc: SPPT_PBB}", paper("budi", "SPPT_PBB", tax_year=2025), "expired", "expired"),
    ("tax_year_not_read", "{doc: SPPT_PBB}", paper("budi", "SPPT_PBB"), "unverified", "tax_year_unknown"),
    ("tax_year_current", "{doc: SPPT_PBB, tax_year: current}", paper("budi", "SPPT_PBB", tax_year=2026), "valid", None),
    ("tax_year_of_another_year", "{doc: SPPT_PBB, tax_year: current}", paper("budi", "SPPT_PBB", tax_year=2025), "expired", "other_tax_year"),
    ("tax_year_current_not_read", "{doc: SPPT_PBB, tax_year: current}", paper("budi", "SPPT_PBB"), "unverified", "tax_year_unknown"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "held", "state", "reason"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES]
)
def test_life_of_a_paper(rule: str, held: object, state: str, reason: str | None) -> None:
    row = first(looked(rule, [held]))  # type: ignore[list-item]
    assert (row.state, row.reason) == (state, reason)


def test_every_validity_kind_has_a_row() -> None:
    kinds = {CATALOGUE.document_types[row[2].type].validity.kind for row in LIVES}
    assert kinds == {"lifetime", "until_event", "printed_expiry", "months", "purpose_window", "tax_year"}


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2025-05-24", 18, "2026-11-24"),
    ],
)
def test_months_are_calendar_months(start: str, months: int, end: str) -> None:
    assert add_months(TODAY.fromisoformat(start), months) == TODAY.fromisoformat(end)


# ---- the old copy


@pytest.mark.parametrize(
    ("code", "held"),
    [
        ("KK", paper("budi", "KK", stale="marry")),
        ("PASPOR", paper("budi", "PASPOR", until="2020-01-01")),
        ("STNK", paper("budi", "STNK", until="2026-11-23")),
        ("STNK", paper("budi", "STNK")),  # no date was read: good or expired, it is taken
    ],
)
def test_old_copy_of_what_the_service_makes_anew(code: str, held: object) -> None:
    """Otherwise a new KK after a marriage can never be had."""
    row = first(looked(service(f"{{doc: {code}}}", output=[code]), [held]))  # type: ignore[list-item]
    assert row.state == "old_copy"
    assert row.satisfied


def test_old_copy_through_makes_stale() -> None:
    held = [paper("budi", "KTP", stale="move_kecamatan")]
    assert first(looked(service("{doc: KTP}", makes_stale=["KTP"]), held)).state == "old_copy"
    assert first(looked(service("{doc: KTP}"), held)).state == "stale"


def test_a_good_old_copy_is_valid() -> None:
    assert first(looked(service("{doc: KK}", output=["KK"]), [paper("budi", "KK")])).state == "valid"


def test_old_copy_does_not_forgive_must_be_valid() -> None:
    """SIM: one day late = apply as new."""
    late = [paper("budi", "SIM", until="2026-11-23")]
    assert states(looked("POLRI.SIM_PERPANJANG", late)).startswith("0:expired")


@pytest.mark.parametrize(("issued", "state"), [("2025-05-24", "valid"), ("2025-05-23", "expired")])
def test_old_copy_does_not_forgive_the_window(issued: str, state: str) -> None:
    """A SKCK is renewed for 18 months; without this the number in the rule would mean nothing."""
    row = first(looked("POLRI.SKCK_PERPANJANG", [paper("budi", "SKCK", issued)]))
    assert row.state == state


def test_old_copy_is_not_the_proxys() -> None:
    """``makes_stale`` names no person: KK_BARU replaces the applicant's KTP, not that of the one who is sent."""
    held = [paper("ani", "KTP", stale="move_kecamatan")]
    evaluation = looked(
        "DISDUKCAPIL.KK_BARU", held, parties={"proxy": ["ani"]}, answers={"represented": True}
    )
    assert next(row for row in evaluation.entries if row.path == "5").state == "stale"


def test_old_copy_of_a_death_is_the_deceaseds() -> None:
    """Section 8: for AKTA_KEMATIAN the deceased's KTP and the family's KK, not the KTP of the heir."""
    held = [
        paper("budi", "KTP", stale="move_kecamatan"),
        paper("hadi", "KTP", stale="move_kecamatan"),
        paper("hadi", "SK_KEMATIAN"),
    ]
    evaluation = looked(
        "DISDUKCAPIL.AKTA_KEMATIAN", held, parties={"deceased": ["hadi"]}, answers={"represented": False}
    )
    assert states(evaluation) == "0:at_counter 1:valid 2:old_copy 3:stale"


# ---- ages and must_be_valid


def test_window_replaces_the_types_own_life() -> None:
    """Two SKCK of 12 months: good for 18 months here, expired where nothing else is said."""
    held = [paper("budi", "SKCK", "2025-11-24")]
    assert first(looked("{doc: SKCK, max_age_months: 18}", held)).state == "valid"
    assert first(looked("{doc: SKCK}", held)).state == "expired"


def test_window_may_be_shorter_than_the_own_life() -> None:
    held = [paper("budi", "SKCK", "2026-08-01")]
    row = first(looked("{doc: SKCK, max_age_months: 3}", held))
    assert (row.state, row.reason) == ("expired", "too_old")


def test_must_be_valid_beside_a_window_asks_both() -> None:
    """PN.SK_TIDAK_PIDANA: not older than six months, and not past its printed date either."""
    rule = "{doc: SKCK, must_be_valid: true, max_age_months: 6}"
    assert first(looked(rule, [paper("budi", "SKCK", "2026-09-01", until="2026-11-23")])).reason == "expired"
    assert first(looked(rule, [paper("budi", "SKCK", "2026-09-01")])).state == "valid"


def test_must_be_valid_without_an_expiry_date_counts_as_valid() -> None:
    """STR is for life."""
    assert (
        first(looked("{doc: STR, must_be_valid: true}", [paper("budi", "STR", "2001-01-01")])).state
        == "valid"
    )


def test_must_be_valid_of_a_paper_whose_date_nobody_read() -> None:
    """A SIM always carries a date: not recorded is not "without"."""
    row = first(looked("{doc: SIM, must_be_valid: true}", [paper("budi", "SIM")]))
    assert (row.state, row.reason) == ("unverified", "expiry_unknown")

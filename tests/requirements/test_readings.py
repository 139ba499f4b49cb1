"""The readings of ``domain.md`` sections 4 and 5, each with the case that made it necessary."""

from __future__ import annotations

import pytest

from exchange.requirements.papers import add_months, stale_types
from tests.requirements.builders import CATALOGUE, TODAY, first, looked, paper, service, states

FATHER_AND_MOTHER = {"parents": ["budi", "sari"]}


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


# ---- at the counter


@pytest.mark.parametrize("code", sorted(CATALOGUE.never_shared))
def test_never_shared_evaluates_like_a_form(code: str) -> None:
    held = [paper("budi", code)]
    for head in ("doc", "form"):
        row = first(looked(f"{{{head}: {code}}}", held))
        assert (row.state, row.paper, row.satisfied) == ("at_counter", None, True)


def test_ikd_is_a_qr_and_no_file() -> None:
    assert CATALOGUE.at_counter("IKD")
    assert first(looked("{doc: IKD}")).state == "at_counter"


def test_ikd_does_not_stand_for_a_missing_card() -> None:
    """Otherwise every proof of identity would be there at all times."""
    evaluation = looked("{group: PROOF_OF_IDENTITY}")
    assert [row.state for row in evaluation.requirements] == ["missing", "missing", "at_counter", "missing"]
    assert not evaluation.complete


# ---- unknown answers


def test_unanswered_condition() -> None:
    row = first(looked("{doc: SIM, when: [renewal]}"))
    assert (row.state, row.asks, row.satisfied) == ("undetermined", ("renewal",), False)


def test_unanswered_condition_hides_what_is_on_file() -> None:
    """It may not apply: then the paper is nobody's business."""
    row = first(looked("{doc: KTP, when: [renewal]}", [paper("budi", "KTP")]))
    assert (row.state, row.paper, row.asks) == ("undetermined", None, ("renewal",))


def test_unanswered_alternative_beside_a_valid_one() -> None:
    evaluation = looked(
        "{any_of: [{doc: BPKB}, {doc: SK_BPKB_BANK, when: [vehicle_pledged]}]}", [paper("budi", "BPKB")]
    )
    assert (first(evaluation).state, first(evaluation).asks, evaluation.complete) == ("valid", (), True)


def test_unanswered_alternative_on_file_proves_nothing() -> None:
    """Were the answer no, the alternative would not be there."""
    rule = "{any_of: [{doc: BPKB}, {doc: SK_BPKB_BANK, when: [vehicle_pledged]}]}"
    held = [paper("budi", "SK_BPKB_BANK")]
    assert (first(looked(rule, held)).state, first(looked(rule, held)).asks) == (
        "undetermined",
        ("vehicle_pledged",),
    )
    assert first(looked(rule, held, answers={"vehicle_pledged": True})).state == "valid"
    assert first(looked(rule, held, answers={"vehicle_pledged": False})).state == "missing"


def test_all_conditions_must_hold() -> None:
    rule = "{doc: SIM, when: [renewal, lost]}"
    assert looked(rule, answers={"renewal": True, "lost": False}).requirements == ()
    assert looked(rule, answers={"lost": False}).complete, "one no is enough, whatever the other is"
    assert first(looked(rule, answers={"renewal": True})).asks == ("lost",)
    assert first(looked(rule, answers={"renewal": True, "lost": True})).state == "missing"


def test_questions_of_the_members_come_up_once() -> None:
    rule = "{any_of: [{doc: SIM, when: [renewal]}, {doc: STR, when: [renewal, lost]}], when: [damaged]}"
    assert first(looked(rule)).asks == ("damaged", "renewal", "lost")


def test_an_or_whose_alternatives_all_fell_away() -> None:
    row = first(looked("{any_of: [{doc: SIM, when: [renewal]}]}", answers={"renewal": False}))
    assert (row.state, row.reason) == ("missing", "no_alternative_applies")


@pytest.mark.parametrize("code", sorted(CATALOGUE.statuses))
def test_status_without_a_connected_source(code: str) -> None:
    row = first(looked(f"{{status: {code}}}"))
    assert (row.state, row.reason, row.satisfied) == ("unverified", "no_connected_source", False)


# ---- the order of states

RANKED = [
    ("valid", "{doc: KTP}"),
    ("old_copy", "{doc: KK}"),
    ("unverified", "{status: JKN_ACTIVE}"),
    ("undetermined", "{doc: SIP, when: [renewal]}"),
    ("stale", "{doc: NPWP}"),
    ("expired", "{doc: SIM}"),
    ("missing", "{doc: STR}"),
    ("party_missing", "{doc: PASPOR, subject: child}"),
]
RANKED_PAPERS = [
    paper("budi", "KTP"),
    paper("budi", "KK", stale="marry"),
    paper("budi", "NPWP", stale="name_change"),
    paper("budi", "SIM", until="2020-01-01"),
]


@pytest.mark.parametrize("better", range(len(RANKED)))
def test_best_of_and_worst_of_follow_the_order(better: int) -> None:
    for worse in range(better, len(RANKED)):
        pair = [RANKED[worse], RANKED[better]]
        for members in (pair, pair[::-1]):
            rules = ", ".join(rule for _, rule in members)
            either = service(f"{{any_of: [{rules}]}}", output=["KK"])
            both = service(f"{{all_of: [{rules}]}}", output=["KK"])
            assert first(looked(either, RANKED_PAPERS)).state == RANKED[better][0]
            assert first(looked(both, RANKED_PAPERS)).state == RANKED[worse][0]


def test_the_best_copy_counts_and_then_the_newest() -> None:
    old, new = (
        paper("budi", "IJAZAH", "2010-06-01", level="SMA"),
        paper("budi", "IJAZAH", "2020-06-01", level="S1"),
    )
    assert first(looked("{doc: IJAZAH}", [old, new])).paper == new
    assert first(looked("{doc: IJAZAH, levels: [SMA]}", [old, new])).paper == old


def test_stale_beside_expired() -> None:
    """The event is the reason that is shown."""
    row = first(looked("{doc: SIM}", [paper("budi", "SIM", until="2020-01-01", stale="name_change")]))
    assert (row.state, row.reason) == ("stale", "name_change")


# ---- optional


@pytest.mark.parametrize(
    "held", [[], [paper("budi", "SIM", until="2020-01-01")], [paper("budi", "SIM", stale="marry")]]
)
def test_optional_never_blocks(held: list[object]) -> None:
    evaluation = looked("{doc: SIM, optional: true}", held)  # type: ignore[arg-type]
    assert evaluation.complete
    assert first(evaluation).state != "valid"


def test_optional_with_an_open_question_or_no_party() -> None:
    assert looked("{doc: SIM, when: [renewal], optional: true}").complete
    assert looked("{doc: KIA, subject: child, optional: true}").complete


def test_optional_part_of_an_and() -> None:
    held = [paper("budi", "KTP")]
    assert looked("{all_of: [{doc: KTP}, {doc: SIM, optional: true}]}", held).complete
    assert not looked("{all_of: [{doc: KTP}, {doc: SIM}]}", held).complete


# ---- parties and holders


def test_an_absent_role() -> None:
    row = first(looked("{doc: KTP, subject: child}", [paper("budi", "KTP")]))
    assert (row.state, row.party, row.reason) == ("party_missing", "child", "no_party_in_this_role")
    assert first(looked("{doc: KTP, subject: child}", parties={"child": []})).state == "party_missing"
    assert first(looked("{status: JKN_ACTIVE, subject: buyer}")).state == "party_missing"
    assert first(looked("{doc: KK, subject: family}", [paper("budi", "KK")])).state == "party_missing"


def test_every_person_of_the_role_needs_one() -> None:
    one, two = paper("budi", "KTP"), paper("sari", "KTP")
    assert first(looked("{doc: KTP, subject: parents}", [one], parties=FATHER_AND_MOTHER)).state == "missing"
    assert (
        first(looked("{doc: KTP, subject: parents}", [one, two], parties=FATHER_AND_MOTHER)).state == "valid"
    )
    stale = paper("sari", "KTP", stale="marry")
    assert (
        first(looked("{doc: KTP, subject: parents}", [one, stale], parties=FATHER_AND_MOTHER)).state
        == "stale"
    )


@pytest.mark.parametrize("code", ["KK", "BUKU_NIKAH", "NIB", "AKTA_KEMATIAN", "SERTIPIKAT_TANAH", "BPKB"])
def test_one_copy_serves_the_whole_role(code: str) -> None:
    """Holders family, couple, business, deceased, land and vehicle."""
    row = first(
        looked(f"{{doc: {code}, subject: heirs}}", [paper("sari", code)], parties={"heirs": ["budi", "sari"]})
    )
    assert (row.state, row.paper.subject_ref if row.paper else None) == ("valid", "sari")


def test_every_child_needs_one() -> None:
    twins = {"child": ["ayu", "ani"]}
    assert (
        first(
            looked("{doc: KIA, subject: child}", [paper("ayu", "KIA", until="2030-01-01")], parties=twins)
        ).state
        == "missing"
    )


def test_parents_are_father_and_mother() -> None:
    """Both, not the first of them."""
    parties = {"father": ["budi"], "mother": ["sari"]}
    assert (
        first(looked("{doc: KTP, subject: parents}", [paper("budi", "KTP")], parties=parties)).state
        == "missing"
    )
    both = [paper("budi", "KTP"), paper("sari", "KTP")]
    assert first(looked("{doc: KTP, subject: parents}", both, parties=parties)).state == "valid"


def test_persons_of_a_role_may_show_different_members_of_a_group() -> None:
    """One parent has a KTP, the other a suket: each has a proof of identity."""
    held = [paper("budi", "KTP"), paper("sari", "SUKET_REKAM", "2026-10-01")]
    evaluation = looked("{group: PROOF_OF_IDENTITY, subject: parents}", held, parties=FATHER_AND_MOTHER)
    assert (first(evaluation).state, evaluation.complete) == ("valid", True)
    late = [paper("budi", "KTP"), paper("sari", "SUKET_REKAM", "2026-01-01")]
    evaluation = looked("{group: PROOF_OF_IDENTITY, subject: parents}", late, parties=FATHER_AND_MOTHER)
    assert first(evaluation).state == "expired"


def test_alternatives_of_different_persons() -> None:
    """PASPOR_ANAK: the KTP of either parent."""
    parties = {"father": ["budi"], "mother": ["sari"]}
    rule = "{any_of: [{doc: KTP, subject: father}, {doc: KTP, subject: mother}]}"
    assert first(looked(rule, [paper("sari", "KTP")], parties=parties)).state == "valid"


def test_absent_subject_is_the_applicant() -> None:
    assert first(looked("{doc: KTP}", [paper("sari", "KTP")], parties={"child": ["sari"]})).state == "missing"


@pytest.mark.parametrize("code", ["SERTIPIKAT_TANAH", "STNK"])
def test_absent_subject_of_a_thing_is_the_thing_of_the_request(code: str) -> None:
    """The buyer's request finds the title in the seller's folder, never in the proxy's."""
    row = first(
        looked(f"{{doc: {code}}}", [paper("siti", code, until="2030-01-01")], parties={"seller": ["siti"]})
    )
    assert (row.state, row.party) == ("valid", CATALOGUE.document_types[code].holder)
    row = first(
        looked(f"{{doc: {code}}}", [paper("lina", code, until="2030-01-01")], parties={"proxy": ["lina"]})
    )
    assert row.state == "missing"


# ---- attributes


def test_levels() -> None:
    """A passport takes an SMA certificate but no bachelor's diploma: the parents' names are missing."""
    rule = "{group: PROOF_OF_BIRTH_PARENTS}"
    assert first(looked(rule, [paper("budi", "IJAZAH", level="SMA")])).state == "valid"
    assert not looked(rule, [paper("budi", "IJAZAH", level="S1")]).complete
    assert first(looked(rule, [paper("budi", "BUKU_NIKAH")])).state == "valid"
    row = first(looked("{doc: IJAZAH, levels: [D3]}", [paper("budi", "IJAZAH")]))
    assert (row.state, row.reason, row.paper) == ("missing", "other_level", None)


def test_background() -> None:
    rule = "{doc: PASFOTO, background: red}"
    assert first(looked(rule, [paper("budi", "PASFOTO", background="red")])).state == "valid"
    assert first(looked(rule, [paper("budi", "PASFOTO", background="blue")])).reason == "other_background"
    assert first(looked(rule, [paper("budi", "PASFOTO")])).state == "missing"
    assert first(looked("{doc: PASFOTO}", [paper("budi", "PASFOTO")])).state == "valid"


def test_inherited_attributes_touch_only_types_that_have_them() -> None:
    rule = "{any_of: [{doc: IJAZAH}, {doc: AKTA_LAHIR}], levels: [SMA], background: red}"
    assert first(looked(rule, [paper("budi", "AKTA_LAHIR")])).state == "valid"


# ---- modifiers of the outer entry


def test_modifiers_reach_every_member() -> None:
    evaluation = looked(
        "{any_of: [{doc: KTP}, {group: PROOF_OF_MARRIAGE}], subject: father, original: shown}"
    )
    assert {row.party for row in evaluation.requirements if row.head != "any_of"} == {"father"}
    assert {row.original for row in evaluation.requirements} == {"shown"}


def test_a_member_keeps_its_own_modifier() -> None:
    rule = "{any_of: [{doc: SKCK, max_age_months: 2}, {doc: SK_SEHAT}], max_age_months: 6}"
    assert first(looked(rule, [paper("budi", "SKCK", "2026-08-01")])).state == "expired"
    assert first(looked(rule, [paper("budi", "SK_SEHAT", "2026-08-01")])).state == "valid"
    assert first(looked(rule, [paper("budi", "SK_SEHAT", "2026-05-01")])).state == "expired"
    rule = "{any_of: [{doc: SIM, must_be_valid: false}], must_be_valid: true}"
    late = [paper("budi", "SIM", until="2020-01-01")]
    assert first(looked(service(rule, output=["SIM"]), late)).state == "old_copy"


def test_modifiers_of_a_group() -> None:
    held = [paper("budi", "SUKET_REKAM", "2026-07-01")]
    assert first(looked("{group: PROOF_OF_IDENTITY}", held)).state == "valid"
    assert first(looked("{group: PROOF_OF_IDENTITY, max_age_months: 3}", held)).state == "expired"


# ---- stale-making events (section 4)

EVENTS = [
    ("move_rt_rw", {"KTP", "KK", "SK_DOMISILI", "PENGANTAR_RT"}),
    ("move_kabkota", {"KTP", "IKD", "KK", "KIA", "SKPWNI", "NPWP", "SIM", "SK_DOMISILI", "KITAP_KITAS"}),
    ("marry", {"KTP", "IKD", "KK", "SK_PENSIUN"}),
    ("divorce", {"KTP", "IKD", "KK", "AKTA_KAWIN", "BUKU_NIKAH"}),
    ("birth_in_family", {"KK", "KARTU_JKN"}),
    ("death_in_family", {"KK", "SK_PENSIUN"}),
    ("head_of_family_change", {"KK"}),
    ("owner_change", {"STNK", "BPKB", "SERTIPIKAT_TANAH", "SPPT_PBB"}),
    ("vehicle_change", {"STNK", "BPKB"}),
    ("birth_data_fix", {"KTP", "AKTA_LAHIR"}),
]  # fmt: skip


@pytest.mark.parametrize(("event", "types"), EVENTS, ids=[row[0] for row in EVENTS])
def test_what_an_event_makes_stale(event: str, types: set[str]) -> None:
    assert stale_types(CATALOGUE, event) == types


def test_a_stale_copy_fulfils_nothing() -> None:
    held = [paper("budi", "KTP", stale="marry")]
    row = first(looked("{doc: KTP}", held))
    assert (row.state, row.reason, row.satisfied) == ("stale", "marry", False)


def test_a_newer_copy_takes_the_place_of_a_stale_one() -> None:
    fresh = paper("budi", "KTP", "2026-11-01")
    assert first(looked("{doc: KTP}", [paper("budi", "KTP", stale="marry"), fresh])).paper == fresh


# ---- what the API shows


def test_as_dict_leaves_out_what_says_nothing() -> None:
    held = paper("budi", "SIM", until="2027-02-03")
    row = first(looked("{doc: SIM, original: shown}", [held])).as_dict()
    assert row == {
        "path": "0",
        "head": "doc",
        "code": "SIM",
        "party": "applicant",
        "state": "valid",
        "reason": None,
        "document_id": held.document_id,
        "version": 1,
        "valid_until": "2027-02-03",
        "original": "shown",
    }
    open_row = first(looked("{doc: SIM, when: [renewal], optional: true}", [held])).as_dict()
    assert open_row == {
        "path": "0",
        "head": "doc",
        "code": "SIM",
        "party": "applicant",
        "state": "undetermined",
        "reason": "condition_unanswered",
        "asks": ["renewal"],
        "optional": True,
    }


def test_paths_name_entries_and_members() -> None:
    evaluation = looked("{form: FORM_F102}, {any_of: [{doc: KTP}, {group: PROOF_OF_MARRIAGE}]}")
    assert [row.path for row in evaluation.requirements] == ["0", "1", "1/0", "1/1", "1/1/0", "1/1/1"]
    assert [row.path for row in evaluation.entries] == ["0", "1"]

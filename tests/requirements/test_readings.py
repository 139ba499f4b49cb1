"""The readings of ``domain.md`` sections 4 and 5, each with the case that made it necessary."""

from __future__ import annotations

import pytest

from exchange.requirements.papers import stale_types
from tests.requirements.builders import CATALOGUE, first, looked, paper, service

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


@pytest.mark.parametrize("better", range(len(RANKED) - 1))
def test_best_of_and_worst_of_follow_the_order(better: int) -> None:
    for worse in range(better + 1, len(RANKED)):
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
    row = first(
        looked("{doc: SIM, max_age_months: 1}", [paper("budi", "SIM", "2020-01-01", stale="name_change")])
    )
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

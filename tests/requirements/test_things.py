"""Several vehicles, parcels or diplomas: every fitting one can be chosen, and a request is about one thing only."""

from __future__ import annotations

import pytest

from exchange.requirements.catalogue import Service
from exchange.requirements.rules import Paper
from exchange.requirements.selection import NotRequired, requestable
from tests.requirements.builders import CATALOGUE, first, looked, paper, service, states

LAND = service("{doc: SERTIPIKAT_TANAH}, {doc: SPPT_PBB, tax_year: current}")
VEHICLE = service("{doc: STNK}, {any_of: [{doc: BPKB}, {doc: SK_BPKB_BANK}]}")


def asked(of: Service, papers: list[Paper], *choose: str, subject: str = "budi") -> list[str | None]:
    """The documents of a request in which these were chosen."""
    evaluation = looked(of, papers, parties={"seller": ["siti"]}, chosen=choose)
    items = requestable(CATALOGUE, of, evaluation, subject_ref=subject, choose=choose or None)
    return [item.document_id for item in items]


def car(name: str, second: str = "BPKB", **of: str) -> list[Paper]:
    return [
        paper("budi", "STNK", until="2030-01-01", about=name, **of),
        paper("budi", second, about=name, **of),
    ]


def parcel(name: str, tax_year: int = 2026, owner: str = "budi") -> list[Paper]:
    return [
        paper(owner, "SERTIPIKAT_TANAH", about=name),
        paper(owner, "SPPT_PBB", about=name, tax_year=tax_year),
    ]


def test_the_second_vehicle_can_be_served() -> None:
    """Wrong version: the best STNK alone has a name, and the other raises NotRequired for ever."""
    one, two = car("plate1"), car("plate2", "SK_BPKB_BANK")
    for own in (one, two):
        ids = [held.document_id for held in own]
        assert asked(VEHICLE, [*one, *two], ids[0]) == ids
        assert asked(VEHICLE, [*one, *two], ids[1]) == ids
        assert asked(VEHICLE, [*one, *two], *ids) == ids


def test_the_parts_of_two_things_are_no_thing() -> None:
    """A title of parcel A beside an SPPT of parcel B. Wrong version: complete."""
    title, notice = parcel("a")[0], parcel("b")[1]
    evaluation = looked(LAND, [title, notice])
    assert (evaluation.complete, sorted(row.state for row in evaluation.entries)) == (
        False,
        ["missing", "valid"],
    )
    assert asked(LAND, [title, notice], title.document_id) == [title.document_id]
    assert asked(LAND, [title, notice], notice.document_id) == [notice.document_id]
    with pytest.raises(NotRequired):
        asked(LAND, [title, notice], title.document_id, notice.document_id)


def test_the_thing_that_comes_furthest_is_shown() -> None:
    old, current = parcel("a", 2020), parcel("b")
    for papers in ([*old, *current], [*current, *old]):
        evaluation = looked(LAND, papers)
        assert [row.paper for row in evaluation.entries] == current
        assert evaluation.complete
    assert states(looked(LAND, [*old, *current], chosen=[old[0].document_id])) == "0:valid 1:expired"


def test_of_two_equal_things_the_newer_one_whatever_the_order() -> None:
    older, newer = car("plate1", issued="2020-01-01"), car("plate2", issued="2024-01-01")
    for papers in ([*older, *newer], [*newer, *older], [newer[1], older[0], newer[0], older[1]]):
        assert [row.paper for row in looked(VEHICLE, papers).entries] == newer


def test_a_paper_that_names_no_thing_counts_for_each() -> None:
    title, notice = paper("budi", "SERTIPIKAT_TANAH"), parcel("b")[1]
    assert looked(LAND, [title, notice]).complete
    assert looked(LAND, [title, notice, parcel("a")[1]]).complete


def test_vehicles_and_land_are_chosen_apart() -> None:
    of = service("{doc: SERTIPIKAT_TANAH}, {doc: SPPT_PBB}, {doc: STNK}")
    papers = [*parcel("a"), *parcel("b"), *car("plate1"), *car("plate2")]
    chosen = [papers[2], papers[6]]
    assert asked(of, papers, *(held.document_id for held in chosen)) == [
        papers[2].document_id, papers[3].document_id, papers[6].document_id,
    ]  # fmt: skip


def test_the_sellers_parcel_beside_ones_own() -> None:
    """The buyer owns land too; the seller is asked for the parcel that is sold."""
    own, sold = parcel("a"), parcel("b", owner="siti")
    evaluation_ids = [held.document_id for held in sold]
    assert asked(LAND, [*own, *sold], sold[0].document_id, subject="siti") == evaluation_ids
    assert asked(LAND, [*own, *sold], sold[0].document_id, subject="budi") == []


def test_each_of_two_diplomas_can_be_chosen() -> None:
    of = service("{doc: IJAZAH}, {doc: KTP}")
    school = paper("budi", "IJAZAH", "2010-06-01", level="SMA")
    diploma = paper("budi", "IJAZAH", "2020-06-01", level="S1")
    ktp = paper("budi", "KTP")
    papers = [school, diploma, ktp]
    assert asked(of, papers) == [diploma.document_id, ktp.document_id]
    assert asked(of, papers, school.document_id) == [school.document_id, ktp.document_id]
    with pytest.raises(NotRequired):
        asked(of, papers, school.document_id, diploma.document_id)
    with pytest.raises(NotRequired):
        asked(service("{doc: IJAZAH, levels: [S1]}"), papers, school.document_id)


def test_what_is_of_no_use_is_not_chosen_before_what_is() -> None:
    late = paper("budi", "STNK", "2024-01-01", until="2025-01-01")
    good = paper("budi", "STNK", "2023-01-01", until="2030-01-01")
    assert first(looked("{doc: STNK}", [late, good], chosen=[late.document_id])).paper == good


def test_a_copy_of_the_other_holder_can_be_chosen() -> None:
    of = service("{doc: KK, subject: couple}")
    held = [paper("budi", "KK"), paper("sari", "KK")]
    evaluation = looked(of, held, parties={"couple": ["budi", "sari"]}, chosen=[held[1].document_id])
    items = requestable(CATALOGUE, of, evaluation, subject_ref="sari", choose=[held[1].document_id])
    assert [item.document_id for item in items] == [held[1].document_id]


def test_which_thing_it_is_tells_nothing_of_sensitive_papers() -> None:
    """Wrong version: with a SKTM on file the other alternative of the entry decides for another parcel."""
    of = service("{any_of: [{doc: SPPT_PBB}, {doc: SKTM}]}, {doc: SERTIPIKAT_TANAH}, {doc: AJB}")
    one = [parcel("a")[1], *parcel("a")[:1]]
    two = [parcel("b")[0], paper("budi", "AJB", about="b")]
    sktm = paper("budi", "SKTM", "2026-10-01")
    shown = [
        [row.paper for row in looked(of, held).requirements if row.code in {"SERTIPIKAT_TANAH", "AJB"}]
        for held in ([*one, *two], [*one, *two, sktm])
    ]
    assert shown[0] == shown[1]

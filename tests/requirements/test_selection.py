"""What a consent request may cover: exactly what the service requires of one citizen (M04)."""

from __future__ import annotations

import pytest

from exchange.requirements.catalogue import Service
from exchange.requirements.rules import Evaluation
from exchange.requirements.selection import NotRequired, RequestItem, requestable
from tests.requirements.builders import CATALOGUE, looked, paper, service
from tests.requirements.families import answered

SENSITIVE = sorted(CATALOGUE.existence_sensitive)


def asked(
    of: Service, evaluation: Evaluation, subject: str = "budi", *choose: str
) -> list[tuple[str, str | None]]:
    items = requestable(CATALOGUE, of, evaluation, subject_ref=subject, choose=choose or None)
    return [(item.type, item.document_id) for item in items]


def test_exactly_what_the_service_requires() -> None:
    """DPMPTSP.NIB for Budi: of all that is on file, the KTP and the NPWP."""
    of = CATALOGUE.services["DPMPTSP.NIB"]
    held = [
        paper("budi", code) for code in ("KTP", "KK", "NPWP", "AKTA_LAHIR", "BUKU_REKENING", "SURAT_KUASA")
    ]
    evaluation = looked(of, held, answers=answered())
    assert asked(of, evaluation) == [("KTP", held[0].document_id), ("NPWP", held[2].document_id)]
    assert requestable(CATALOGUE, of, evaluation, subject_ref="budi")[0] == RequestItem(
        "0/0", "KTP", held[0].document_id
    )


@pytest.mark.parametrize("state", [{"stale": "marry"}, {"until": "2020-01-01"}])
def test_what_is_of_no_use_is_not_asked_for(state: dict[str, str]) -> None:
    of = service("{doc: KTP}")
    assert asked(of, looked(of, [paper("budi", "KTP", **state)])) == []


def test_an_old_copy_and_one_that_cannot_be_judged_are_asked_for() -> None:
    of = service("{doc: KK}, {doc: SIM}", output=["KK"])
    held = [paper("budi", "KK", stale="marry"), paper("budi", "SIM")]
    assert asked(of, looked(of, held)) == [("KK", held[0].document_id), ("SIM", held[1].document_id)]


def test_an_open_question_is_answered_first() -> None:
    """The paper may not be required at all."""
    of = service(
        "{doc: KTP}, {doc: NPWP, when: [renewal]}, {any_of: [{doc: SIM}, {doc: STR}], when: [renewal]}"
    )
    held = [paper("budi", "KTP"), paper("budi", "NPWP"), paper("budi", "STR")]

    def types(answers: dict[str, bool]) -> list[str]:
        return [code for code, _ in asked(of, looked(of, held, answers=answers))]

    assert types({}) == ["KTP"]
    assert types({"renewal": False}) == ["KTP"]
    assert types({"renewal": True}) == ["KTP", "NPWP", "STR"]


def test_one_alternative_and_all_parts() -> None:
    of = service("{any_of: [{doc: KTP}, {doc: SIM}, {all_of: [{doc: NIB}, {doc: NPWP}]}]}")
    ktp, sim = paper("budi", "KTP", stale="marry"), paper("budi", "SIM", until="2030-01-01")
    both = [paper("budi", "NIB"), paper("budi", "NPWP")]
    assert asked(of, looked(of, [ktp, sim, *both])) == [("SIM", sim.document_id)]
    assert [code for code, _ in asked(of, looked(of, [ktp, *both]))] == ["NIB", "NPWP"]
    assert asked(of, looked(of, [ktp, both[0]])) == []


def test_choose_only_among_alternatives() -> None:
    of = service("{any_of: [{doc: KTP}, {doc: SIM}]}, {doc: KK}")
    held = [paper("budi", "KTP"), paper("budi", "SIM", until="2030-01-01"), paper("budi", "KK")]
    evaluation = looked(of, held)

    def types(*choose: str) -> list[str]:
        return [code for code, _ in asked(of, evaluation, "budi", *choose)]

    assert types() == ["KTP", "KK"]
    assert types("SIM") == ["SIM", "KK"]
    assert types(held[1].document_id) == ["SIM", "KK"]
    assert types("KK") == ["KTP", "KK"], "naming what is required anyway changes nothing"


@pytest.mark.parametrize("name", ["NPWP", "doc_unknown", "PROOF_OF_IDENTITY", "JKN_ACTIVE", "ktp", ""])
def test_what_the_service_does_not_require(name: str) -> None:
    """An officer cannot add a paper; groups, statuses and forms are no papers."""
    of = service("{group: PROOF_OF_IDENTITY}, {status: JKN_ACTIVE}, {form: FORM_F102}")
    evaluation = looked(of, [paper("budi", "KTP"), paper("budi", "NPWP")])
    with pytest.raises(NotRequired):
        requestable(CATALOGUE, of, evaluation, subject_ref="budi", choose=[name])


def test_an_alternative_that_does_not_apply_cannot_be_chosen() -> None:
    of = service("{any_of: [{doc: BPKB}, {doc: SK_BPKB_BANK, when: [vehicle_pledged]}]}")
    held = [paper("budi", "BPKB"), paper("budi", "SK_BPKB_BANK")]
    no = looked(of, held, answers={"vehicle_pledged": False})
    with pytest.raises(NotRequired):
        requestable(CATALOGUE, of, no, subject_ref="budi", choose=["SK_BPKB_BANK"])
    yes = looked(of, held, answers={"vehicle_pledged": True})
    assert asked(of, yes, "budi", "SK_BPKB_BANK") == [("SK_BPKB_BANK", held[1].document_id)]


def test_one_subject_for_each_request() -> None:
    """Two adults mean two consents: each is asked for the own paper, also while the other lacks one."""
    of = service("{doc: KTP, subject: couple}, {doc: NPWP, subject: couple}")
    held = [paper("budi", "KTP"), paper("sari", "KTP"), paper("sari", "NPWP")]
    evaluation = looked(of, held, parties={"couple": ["budi", "sari"]})
    assert asked(of, evaluation, "budi") == [("KTP", held[0].document_id)]
    assert asked(of, evaluation, "sari") == [("KTP", held[1].document_id), ("NPWP", held[2].document_id)]
    assert asked(of, evaluation, "bayu") == []


def test_each_of_a_couple_shows_what_they_have() -> None:
    of = service("{group: PROOF_OF_IDENTITY, subject: couple}")
    held = [paper("budi", "KTP"), paper("sari", "SUKET_REKAM", "2026-10-01")]
    evaluation = looked(of, held, parties={"couple": ["budi", "sari"]})
    assert asked(of, evaluation, "budi") == [("KTP", held[0].document_id)]
    assert asked(of, evaluation, "sari") == [("SUKET_REKAM", held[1].document_id)]


def test_a_shared_copy_is_asked_of_its_holder_only() -> None:
    """One family card is enough, even where both have one."""
    of = service("{doc: KK, subject: couple}")
    held = [paper("budi", "KK"), paper("sari", "KK")]
    evaluation = looked(of, held, parties={"couple": ["budi", "sari"]})
    assert (asked(of, evaluation, "budi"), asked(of, evaluation, "sari")) == (
        [("KK", held[0].document_id)],
        [],
    )
    evaluation = looked(of, held[1:], parties={"couple": ["budi", "sari"]})
    assert (asked(of, evaluation, "budi"), asked(of, evaluation, "sari")) == (
        [],
        [("KK", held[1].document_id)],
    )


def test_alternatives_of_two_persons_ask_one_of_them() -> None:
    of = service("{any_of: [{doc: KTP, subject: father}, {doc: KTP, subject: mother}]}")
    held = [paper("budi", "KTP"), paper("sari", "KTP")]
    evaluation = looked(of, held, parties={"father": ["budi"], "mother": ["sari"]})
    assert (asked(of, evaluation, "budi"), asked(of, evaluation, "sari")) == (
        [("KTP", held[0].document_id)],
        [],
    )


@pytest.mark.parametrize("code", SENSITIVE)
def test_a_sensitive_paper_is_asked_for_on_file_or_not(code: str) -> None:
    of = service(f"{{doc: {code}, subject: couple}}")
    held = [paper("budi", code, "2026-11-01")]
    parties = {"couple": ["budi", "sari"]}
    assert asked(of, looked(of, held, parties=parties)) == [(code, held[0].document_id)]
    assert asked(of, looked(of, [], parties=parties)) == [(code, None)]
    assert asked(of, looked(of, held, parties=parties), "sari") == [(code, None)]
    assert asked(of, looked(of, held, parties=parties), "bayu") == []


def test_what_is_shown_at_the_counter_is_never_requested() -> None:
    of = service("{doc: SIDIK_JARI}, {doc: DOK_LAIN}, {form: FORM_F102}, {doc: IKD}")
    held = [paper("budi", code) for code in ("SIDIK_JARI", "DOK_LAIN", "IKD")]
    assert asked(of, looked(of, held)) == []
    assert asked(of, looked(of, held), "budi", "IKD") == []


def test_two_entries_on_one_document() -> None:
    of = service("{doc: KTP}, {group: PROOF_OF_IDENTITY}")
    held = [paper("budi", "KTP")]
    assert asked(of, looked(of, held)) == [("KTP", held[0].document_id)]


def test_a_live_check_is_no_paper_to_choose() -> None:
    """DINSOS.PBI_JKN: nobody answers for the DTSEN list, so the letter is asked for."""
    of = CATALOGUE.services["DINSOS.PBI_JKN"]
    held = [paper("budi", "SKTM", "2026-11-01")]
    evaluation = looked(of, held, parties={"family": ["budi"]}, answers=answered())
    assert asked(of, evaluation) == [("SKTM", held[0].document_id)]
    assert asked(of, looked(of, [], parties={"family": ["budi"]}, answers=answered())) == [("SKTM", None)]

"""What readiness must not tell, and what a consent request may cover (M04)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from exchange.requirements.catalogue import Service
from exchange.requirements.masking import mask_sensitive
from exchange.requirements.rules import Evaluation, Paper, evaluate
from exchange.requirements.selection import NotRequired, RequestItem, requestable
from tests.requirements.builders import CATALOGUE, TODAY, first, looked, paper, service, states
from tests.requirements.families import FAMILIES, answered

SENSITIVE = sorted(CATALOGUE.existence_sensitive)
ROLES = (
    "applicant",
    "father",
    "mother",
    "child",
    "family",
    "couple",
    "deceased",
    "owner",
    "business",
    "proxy",
)
PEOPLE = ("budi", "sari", "bayu")
CONDITIONS = ("married", "divorced", "renewal")
OPEN_TYPES = ("KTP", "KK", "SIM", "SKCK", "IJAZAH", "BUKU_NIKAH", "SERTIPIKAT_TANAH", "IKD", "PASFOTO")


def masked(evaluation: Evaluation) -> Evaluation:
    return mask_sensitive(evaluation, CATALOGUE)


def asked(
    of: Service, evaluation: Evaluation, subject: str = "budi", *choose: str
) -> list[tuple[str, str | None]]:
    items = requestable(CATALOGUE, of, evaluation, subject_ref=subject, choose=choose or None)
    return [(item.type, item.document_id) for item in items]


# ---- masking


@pytest.mark.parametrize("code", SENSITIVE)
@pytest.mark.parametrize(
    "attributes", [None, {}, {"stale": "divorce"}, {"until": "2020-01-01"}, {"issued": None}], ids=str
)
def test_sensitive_types_answer_ask(code: str, attributes: dict[str, str] | None) -> None:
    held = [] if attributes is None else [paper("budi", code, **attributes)]  # type: ignore[arg-type]
    row = first(masked(looked(f"{{doc: {code}, max_age_months: 6}}", held)))
    assert row.as_dict() == {
        "path": "0", "head": "doc", "code": code, "party": "applicant", "state": "ask", "reason": "sensitive",
    }  # fmt: skip


@pytest.mark.parametrize("code", SENSITIVE)
def test_complete_never_rests_on_a_sensitive_paper(code: str) -> None:
    held = [paper("budi", code, "2026-11-01")]
    assert looked(f"{{doc: {code}}}", held).complete
    assert not masked(looked(f"{{doc: {code}}}", held)).complete
    assert masked(looked(f"{{doc: {code}, optional: true}}", held)).complete


def test_an_alternative_that_may_be_told_decides() -> None:
    """KK_UBAH: with a birth act it is complete; with a divorce act only, it asks, as without one."""
    for held, state, complete in (
        ([paper("budi", "AKTA_LAHIR")], "valid", True),
        ([paper("budi", "AKTA_LAHIR"), paper("budi", "AKTA_CERAI")], "valid", True),
        ([paper("budi", "AKTA_CERAI")], "ask", False),
        ([], "ask", False),
    ):
        papers = [paper("budi", "KK"), *held]
        evaluation = masked(looked("DISDUKCAPIL.KK_UBAH", papers, answers={"represented": False}))
        assert states(evaluation) == f"0:at_counter 1:valid 2:{state}"
        assert evaluation.complete is complete


def test_what_is_not_sensitive_stays_as_it_was() -> None:
    for home in FAMILIES.values():
        for of in CATALOGUE.services.values():
            evaluation = evaluate(
                CATALOGUE, of, papers=home.papers, parties=home.parties, answers=home.answers, today=TODAY
            )
            if not any(row.code in SENSITIVE for row in evaluation.requirements):
                assert masked(evaluation) == evaluation


def test_masking_twice_is_masking_once() -> None:
    home = FAMILIES["budi"]
    for of in CATALOGUE.services.values():
        once = masked(
            evaluate(
                CATALOGUE, of, papers=home.papers, parties=home.parties, answers=home.answers, today=TODAY
            )
        )
        assert masked(once) == once


def test_questions_tell_nothing() -> None:
    """A valid divorce act would end the question about the other alternative: it is asked all the same."""
    rule = "{any_of: [{doc: AKTA_CERAI}, {doc: SIM, when: [renewal]}]}"
    with_it, without = looked(rule, [paper("budi", "AKTA_CERAI")]), looked(rule)
    assert first(with_it).asks == ()
    assert masked(with_it) == masked(without)
    assert first(masked(without)).asks == ("renewal",)


def rules() -> some.SearchStrategy[str]:
    codes = some.sampled_from([*SENSITIVE, *OPEN_TYPES])
    modifiers = some.lists(
        some.one_of(
            some.sampled_from(ROLES).map(lambda role: ("subject", role)),
            some.sampled_from(CONDITIONS).map(lambda code: ("when", f"[{code}]")),
            some.just(("optional", "true")),
            some.just(("must_be_valid", "true")),
            some.just(("max_age_months", "6")),
        ),
        max_size=3,
    ).map(lambda pairs: "".join(f", {key}: {value}" for key, value in dict(pairs).items()))
    leaf = some.one_of(
        some.tuples(codes, modifiers).map(lambda pair: f"{{doc: {pair[0]}{pair[1]}}}"),
        some.just("{status: DTSEN_LISTED}"),
        some.just("{group: PROOF_OF_IDENTITY, subject: couple}"),
    )
    return some.recursive(
        leaf,
        lambda inner: some.tuples(
            some.sampled_from(("any_of", "all_of")), some.lists(inner, min_size=1, max_size=3), modifiers
        ).map(lambda parts: f"{{{parts[0]}: [{', '.join(parts[1])}]{parts[2]}}}"),
        max_leaves=6,
    )


def papers(codes: list[str]) -> some.SearchStrategy[list[Paper]]:
    day = some.sampled_from([None, "2025-01-01", "2026-10-01"])
    one = some.builds(
        lambda ref, code, issued, until, stale: paper(ref, code, issued, until=until, stale=stale),
        some.sampled_from(PEOPLE),
        some.sampled_from(codes),
        day,
        some.sampled_from([None, "2026-01-01", "2030-01-01"]),
        some.sampled_from([None, "marry"]),
    )
    return some.lists(one, max_size=5)


@given(
    rule=some.lists(rules(), min_size=1, max_size=3).map(", ".join),
    open_papers=papers(list(OPEN_TYPES)),
    sensitive=papers(SENSITIVE),
    roles=some.dictionaries(
        some.sampled_from(ROLES[1:]), some.lists(some.sampled_from(PEOPLE), max_size=3), max_size=6
    ),
    answers=some.dictionaries(some.sampled_from(CONDITIONS), some.booleans()),
    output=some.sampled_from([[], ["KK"], ["AKTA_CERAI"], ["SKTM", "SIM"]]),
)
@settings(max_examples=400, deadline=None)
def test_with_and_without_sensitive_papers(
    rule: str,
    open_papers: list[Paper],
    sensitive: list[Paper],
    roles: dict[str, list[str]],
    answers: dict[str, bool],
    output: list[str],
) -> None:
    """Masked, both are the same, ``complete`` included; and so is what a request would list."""
    of = service(rule, output=output)
    with_them = looked(of, [*open_papers, *sensitive], parties=roles, answers=answers)
    without = looked(of, open_papers, parties=roles, answers=answers)
    assert masked(with_them) == masked(without)
    for subject in PEOPLE:
        there, not_there = (
            requestable(CATALOGUE, of, evaluation, subject_ref=subject) for evaluation in (with_them, without)
        )
        assert [item.type for item in there] == [item.type for item in not_there]
        assert [item.path for item in there] == [item.path for item in not_there]


@given(
    rule=some.lists(rules(), min_size=1, max_size=3).map(", ".join),
    held=papers([*OPEN_TYPES, *SENSITIVE]),
    answers=some.dictionaries(some.sampled_from(CONDITIONS), some.booleans()),
)
@settings(max_examples=200, deadline=None)
def test_a_request_never_leaves_what_the_service_names(
    rule: str, held: list[Paper], answers: dict[str, bool]
) -> None:
    """Only this subject's papers, only types of the rules, each document once, in the order of the service."""
    of = service(rule)
    evaluation = looked(of, held, parties={"couple": ["budi", "sari"]}, answers=answers)
    by_id = {one.document_id: one for one in held}
    for subject in ("budi", "sari"):
        items = requestable(CATALOGUE, of, evaluation, subject_ref=subject)
        paths = [row.path for row in evaluation.requirements if row.head == "doc"]
        assert [item.path for item in items] == sorted((item.path for item in items), key=paths.index)
        documents = [item.document_id for item in items if item.document_id]
        assert len(set(documents)) == len(documents)
        for item in items:
            assert item.document_id or item.type in SENSITIVE
            if item.document_id:
                assert by_id[item.document_id].subject_ref == subject
                assert by_id[item.document_id].type == item.type


# ---- selection


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
    types = lambda answers: [code for code, _ in asked(of, looked(of, held, answers=answers))]  # noqa: E731
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
    types = lambda *choose: [code for code, _ in asked(of, evaluation, "budi", *choose)]  # noqa: E731
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

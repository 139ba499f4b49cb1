"""What readiness must not tell, and what a consent request may cover (M04)."""

from __future__ import annotations

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as some

from exchange.requirements.catalogue import CatalogueError, Service
from exchange.requirements.masking import mask_sensitive
from exchange.requirements.rules import Evaluation, Paper, evaluate
from exchange.requirements.selection import requestable
from tests.requirements.builders import CATALOGUE, TODAY, first, looked, paper, service, states
from tests.requirements.families import FAMILIES

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


# ---- masking


@pytest.mark.parametrize("code", SENSITIVE)
@pytest.mark.parametrize(
    "attributes", [None, {}, {"stale": "divorce"}, {"until": "2020-01-01"}, {"issued": None}], ids=str
)
def test_sensitive_types_answer_ask(code: str, attributes: dict[str, str] | None) -> None:
    held = [] if attributes is None else [paper("budi", code, **attributes)]
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


def _made(rule: str, output: list[str]) -> Service:
    """Alternatives that are the same twice are no catalogue."""
    try:
        return service(rule, output=output)
    except CatalogueError:
        reject()


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
    of = _made(rule, output)
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
    of = _made(rule, [])
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

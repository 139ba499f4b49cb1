"""What readiness must not tell: whether a paper exists whose mere existence says something (a divorce act)."""

from __future__ import annotations

from dataclasses import replace

from exchange.requirements.catalogue import Catalogue
from exchange.requirements.states import Evaluation, Holding, RequirementState, combined


def mask_sensitive(evaluation: Evaluation, catalogue: Catalogue) -> Evaluation:
    """Sensitive heads answer ``ask``, on file or not.

    Whatever rests on one (an alternative, a nested "and", ``complete``) is computed again from the masked states, so
    that nothing is told by inference.
    """
    masked: dict[str, RequirementState] = {}
    for row in sorted(evaluation.requirements, key=lambda row: -row.path.count("/")):
        members = [masked[other.path] for other in evaluation.requirements if _directly_below(other, row)]
        if row.head == "doc" and row.code in catalogue.existence_sensitive:
            masked[row.path] = _asking(row)
        else:
            masked[row.path] = combined(row, members)
    ordered = tuple(masked[row.path] for row in evaluation.requirements)
    return Evaluation(all(row.satisfied for row in ordered if "/" not in row.path), ordered)


def _asking(row: RequirementState) -> RequirementState:
    holdings = tuple(Holding(subject_ref, "ask", "sensitive") for subject_ref in row.subjects)
    return replace(
        row,
        state="ask",
        reason="sensitive",
        paper=None,
        valid_until=None,
        holdings=holdings,
        asks=row.unanswered,
    )


def _directly_below(row: RequirementState, outer: RequirementState) -> bool:
    return row.path.rpartition("/")[0] == outer.path

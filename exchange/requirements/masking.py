"""What readiness must not tell: whether a paper exists whose mere existence says something (a divorce act)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exchange.requirements.catalogue import Catalogue
from exchange.requirements.rules import Evaluation, RequirementState


def mask_sensitive(evaluation: Evaluation, catalogue: Catalogue) -> Evaluation:
    """Sensitive heads answer ``ask``, on file or not; an alternative that rests on one, and ``complete``, are computed
    as if none were there, so that nothing is told by inference.
    """
    rows = {row.path: row for row in evaluation.requirements}
    hidden = {
        path for path, row in rows.items() if row.code in catalogue.existence_sensitive and row.head == "doc"
    }
    masked: dict[str, RequirementState] = {}
    for path in sorted(rows, key=lambda text: -text.count("/")):
        masked[path] = _masked(rows[path], hidden, masked, _children(path, rows))
    ordered = tuple(masked[row.path] for row in evaluation.requirements)
    return Evaluation(all(row.satisfied for row in ordered if "/" not in row.path), ordered)


def _masked(
    row: RequirementState, hidden: set[str], masked: dict[str, RequirementState], children: list[str]
) -> RequirementState:
    if row.path in hidden:
        return _asking(row)
    below = [masked[child] for child in children]
    if not any(member.state == "ask" for member in below):
        return row
    open_members = [member for member in below if member.state != "ask"]
    if row.head == "all_of":
        return _asking(row)
    best = next((member for member in open_members if member.state in {"valid", "old_copy"}), None)
    if best is None:
        return _asking(row)
    return replace(row, state=best.state, reason=best.reason, paper=best.paper, valid_until=best.valid_until)


def _asking(row: RequirementState) -> RequirementState:
    return replace(row, state="ask", reason="sensitive", paper=None, valid_until=None)


def _children(path: str, paths: Iterable[str]) -> list[str]:
    depth = path.count("/") + 1
    return [other for other in paths if other.startswith(f"{path}/") and other.count("/") == depth]

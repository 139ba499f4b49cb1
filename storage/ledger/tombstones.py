"""What an erasure leaves behind: an entry on the site's trail that names the entries whose bodies are gone, by which law.

So a verifier that may open bodies tells what was erased by order from what somebody hides: a missing body that no tombstone names is
a finding. The commitments stay, and with them every proof.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ACT = "trail_erased"


def members(subject: str, indexes: Sequence[int], *, basis: str, years: int) -> dict[str, Any]:
    """Of the entry: ``subject`` is the citizen's name in the log, whose numbers 1 to the length of ``indexes`` these entries had."""
    return {
        "act": ACT,
        "subject_erased": subject,
        "subject_seq_to": len(indexes),
        "entries": ranges(indexes),
        "lawful_basis": basis,
        "kept_years": years,
    }


def erased_by(body: Mapping[str, Any]) -> set[int]:
    """The entries whose bodies this entry's act took away; empty for every other entry."""
    if body.get("type") != "erase" or body.get("act") != ACT or not body["result"]["allowed"]:
        return set()
    return set(numbers(body["entries"]))


def ranges(indexes: Iterable[int]) -> str:
    """``3-5 9``: neighbours together."""
    parts = []
    for _, group in itertools.groupby(enumerate(sorted(indexes)), lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        parts.append(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]))
    return " ".join(parts)


def numbers(text: str) -> list[int]:
    """The inverse."""
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found

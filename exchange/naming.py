"""Names that citizens will read, of sites, agencies, counters, officers and systems: Latin letters, on one line, short (A32).

What would turn the reading direction round, hide letters, look like another letter or read as markup is refused when it is registered;
pages and messages escape and mark what they show all the same (``exchange.pages.wording``).
"""

from __future__ import annotations

import string
import unicodedata

from auth.verdict import ALLOWED, Refused, Verdict

LONGEST_NAME = 200
# Letters of Indonesian and its neighbours end before this; behind it stand letters that only look like these.
_END_OF_LETTERS = 0x180
_MARKS = frozenset(" .,'()/&+-:")


def judge_names(*names: str) -> Verdict:
    return ALLOWED if all(_fit(name) for name in names) else Refused("name_unfit")


def _fit(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name == name.strip() and all(_plain(sign) for sign in name)


def _plain(sign: str) -> bool:
    letter = ord(sign) < _END_OF_LETTERS and unicodedata.name(sign, "").startswith("LATIN ")
    return letter or sign in string.digits or sign in _MARKS

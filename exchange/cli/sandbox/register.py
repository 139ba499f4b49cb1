"""How a synthetic citizen is written down: numbers, contacts and family card follow from the place in the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from exchange.cli.sandbox.kinds import Paper, PaperPlan

Sex = Literal["L", "P"]
FEMALE_DAY_OFFSET = 40
SYNTHETIC_SERIAL = 9900
Member = Callable[[str, str], "Citizen"]


@dataclass(frozen=True, slots=True)
class Citizen:
    """``purpose`` says which service the papers are there for, and what is missing on purpose; ``parents`` are NIKs of the same
    household.
    """

    nik: str
    family_card: str
    name: str
    sex: Sex
    birth_date: date
    phone: str
    email: str | None
    household: tuple[str, ...]
    papers: tuple[Paper, ...]
    purpose: str
    parents: tuple[str, ...] = ()

    @property
    def holds(self) -> tuple[str, ...]:
        """Document type codes, in the order of the papers."""
        return tuple(paper.type for paper in self.papers)


def make_nik(area: str, birth_date: date, sex: Sex, number: int) -> str:
    """A NIK of ``area`` (6 digits); ``number`` below 100 makes the synthetic serial 99xx."""
    day = birth_date.day + (FEMALE_DAY_OFFSET if sex == "P" else 0)
    return f"{area}{day:02d}{birth_date:%m%y}{SYNTHETIC_SERIAL + number}"


def make_family_card(area: str, recorded_on: date, number: int) -> str:
    """A Nomor KK: area of issue, day of recording, synthetic serial."""
    return f"{area}{recorded_on:%d%m%y}{SYNTHETIC_SERIAL + number}"


class Register:
    """Families in the order in which they were written; ``today`` is the day the world is made."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._people: list[Citizen] = []

    @property
    def citizens(self) -> tuple[Citizen, ...]:
        return tuple(self._people)

    def ago(self, days: int) -> date:
        return self._today - timedelta(days=days)

    def family(self, area: str, recorded_on: date, *members: Member, parents: int = 0) -> None:
        """People of one family card; each member function gets the area and the card's number. The first ``parents`` of them are the
        parents of the others.
        """
        card = make_family_card(area, recorded_on, len({person.family_card for person in self._people}) + 1)
        family = []
        for member in members:
            family.append(member(area, card))
            self._people.append(family[-1])
        names = tuple(person.name for person in family)
        niks = tuple(person.nik for person in family[:parents])
        self._people[-len(family) :] = [
            replace(person, household=names, parents=niks if place >= parents else ())
            for place, person in enumerate(family)
        ]

    def person(
        self,
        name: str,
        sex: Sex,
        born: date,
        purpose: str,
        *papers: PaperPlan,
        email: bool = True,
        area: str | None = None,
    ) -> Member:
        """``area`` is where the NIK was given out, when it is not where the family lives now."""

        def write(home: str, card: str) -> Citizen:
            number = len(self._people) + 1
            nik = make_nik(area or home, born, sex, number)
            return Citizen(
                nik=nik,
                family_card=card,
                name=name,
                sex=sex,
                birth_date=born,
                phone=f"+62810000099{number:02d}",
                email=f"{name.lower().replace(' ', '.')}@contoh.example" if email else None,
                household=(),
                papers=tuple(entry.numbered(nik, card, number, self._today) for entry in papers),
                purpose=purpose,
            )

        return write

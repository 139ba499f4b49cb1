"""The withdrawal code of a printed slip: shown at any counter of any agency, it takes that one consent back.

It is made when the consent is confirmed, and printed once. Kept is a keyed hash of the consent's number and the code together, so that
neither alone finds anything; guesses are counted in the ledger's batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auth.assistance import REFERENCE_CHARACTERS, judge_code_tries, typed_code, typed_reference
from auth.callers import Officer
from auth.facts import ConsentFact
from auth.grants import first_refusal, judge_withdrawal
from auth.roles import WITHDRAW
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import judged_caller
from storage.assistance import slip_code
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.limits import ALERTS, BUDGETS, Alert, HourlyBudget

_WRONG = frozenset({"slip_code_unknown", "slip_code_used"})


@dataclass(frozen=True, slots=True)
class ShownCode:
    """What an officer typed for a citizen. ``consent_id`` is the consent that it belongs to, empty when it belongs to none. A flow
    loads ``needs``, judges with ``judge`` and hands ``count`` to ``apply_refused``.
    """

    officer: Officer
    consent_id: str
    hour: str

    @property
    def actor(self) -> str:
        return self.officer.actor

    @property
    def needs(self) -> list[Need]:
        return [Need(BUDGETS, self._row), Need(ALERTS, self._row)]

    def judge(self, facts: Facts, consent: ConsentFact | None, now: datetime) -> Verdict:
        """Right away from any agency: the code is what the citizen agreed with. Unknown and used ones are told alike."""
        if consent is None:
            code: Verdict = Refused("slip_code_unknown")
        else:
            code = ALLOWED if judge_withdrawal(consent).allowed else Refused("slip_code_used")
        return first_refusal(
            judged_caller(facts, self.officer, now, WITHDRAW), judge_code_tries(self._wrong(facts)), code
        )

    def count(self, facts: Facts, now: datetime, verdict: Verdict) -> None:
        """A wrong one is a guess; who has made too many is told to those who oversee, once an hour."""
        if verdict.reason in _WRONG:
            facts.put(BUDGETS, HourlyBudget(self._row, self._wrong(facts) + 1))
        elif verdict.reason == "slip_codes_spent" and facts.get(ALERTS, self._row) is None:
            officer = self.officer
            facts.put(ALERTS, Alert(self._row, officer.agency_id, officer.actor, verdict.reason, now, None))

    def _wrong(self, facts: Facts) -> int:
        budget = facts.get(BUDGETS, self._row)
        return budget.used if budget else 0

    @property
    def _row(self) -> str:
        return f"{self.officer.actor}/{self.hour}/slip-codes"


def slip_code_hash(keyring: Keyring, request_id: str, code: str) -> str:
    """``code`` as it was made; the number that people know is the end of the request's id."""
    return _hash(keyring, request_id[-REFERENCE_CHARACTERS:], code)


async def shown_code(
    database: Database, keyring: Keyring, officer: Officer, *, reference: str, code: str, now: datetime
) -> ShownCode:
    """A code never changes: only what it is good for is judged, in the batch."""
    hashed = _hash(keyring, typed_reference(reference), typed_code(code))
    async with database.reading() as reading:
        found = await slip_code(reading, hashed)
    return ShownCode(officer, found.consent_id if found else "", f"{now:%Y-%m-%dT%H}")


def _hash(keyring: Keyring, reference: str, code: str) -> str:
    return keyring.keyed_hash("slip-code", f"{reference}/{code}")

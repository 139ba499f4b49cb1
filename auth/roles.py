"""What an officer's role allows: deny by default, nothing but what stands in this table."""

from __future__ import annotations

from auth.verdict import ALLOWED, Refused, Verdict

SERVE = "serve"
"""The counter's work: enrol, look, take in, ask, fetch."""
WITHDRAW = "withdraw"
"""Record for a citizen what the citizen asks for (a withdrawal, a right), and say that the agency has stopped."""
PROVE = "prove"
"""Take along the proof of what the agency received, and of the consents that it was given."""
RESOLVE = "resolve"
"""Answer for the agency when a citizen objects or exercises a right (UU 27/2022 art. 53)."""
OVERSEE = "oversee"
"""See who works where and what the limits stopped."""
UNLOCK = "unlock"
"""Open a name that failed sign-ins have locked."""
STAFF = "staff"
"""Add officers, propose what takes two persons."""
CONFIRM = "confirm"
"""Let in whom somebody else added, or who was suspended."""
STOP = "stop"
"""Suspend, at once and alone: stopping must not wait for a second person."""
INSPECT = "inspect"
"""Read what administrators did."""
DESTROY = "destroy"
"""Approve, as the second person, that papers are destroyed whose time is over (UU 43/2009, UU 27/2022 art. 44)."""
BREACH = "breach"
"""Keep the breach register, find whom a breach touched, and tell them."""
GOVERN = "govern"
"""Agencies, and whoever is put over the whole site."""

# Who administers reads nobody's papers, and who reads papers administers nothing.
ROLES: dict[str, frozenset[str]] = {
    "officer": frozenset({SERVE, WITHDRAW, PROVE}),
    "supervisor": frozenset({SERVE, WITHDRAW, PROVE, OVERSEE, UNLOCK, CONFIRM}),
    "agency_admin": frozenset({OVERSEE, UNLOCK, STAFF, CONFIRM, STOP, INSPECT, DESTROY}),
    "dpo": frozenset({WITHDRAW, PROVE, RESOLVE, OVERSEE, INSPECT, BREACH, DESTROY}),
    "auditor": frozenset({OVERSEE, INSPECT}),
    "operator": frozenset({OVERSEE, UNLOCK, STOP}),
    "site_admin": frozenset({OVERSEE, UNLOCK, STAFF, CONFIRM, STOP, INSPECT, GOVERN, BREACH}),
}
AT_THE_COUNTER = frozenset({"officer", "supervisor"})
WHOLE_SITE = frozenset({"auditor", "operator", "site_admin"})


def judge_right(role: str, right: str) -> Verdict:
    """An unknown role may nothing."""
    return ALLOWED if right in ROLES.get(role, frozenset()) else Refused("role_missing")


def judge_reach_over(role: str, own_agency: str, agency: str | None) -> Verdict:
    """Whose officers are they? Those of another agency are told like those that do not exist (None)."""
    if agency is not None and (agency == own_agency or role in WHOLE_SITE):
        return ALLOWED
    return Refused("officer_unknown")


def judge_over_site(role: str) -> Verdict:
    return ALLOWED if role in WHOLE_SITE else Refused("role_missing")


def judge_appointment(role: str, given: str) -> Verdict:
    """Only who governs the site puts somebody over the whole of it."""
    if given not in ROLES:
        return Refused("role_unknown")
    return judge_right(role, GOVERN if given in WHOLE_SITE else STAFF)


def judge_second_person(proposed_by: str, decided_by: str) -> Verdict:
    """Four eyes: nobody approves what they proposed (A63)."""
    return Refused("second_person_needed") if proposed_by == decided_by else ALLOWED


def judge_strong(*, shown: bool) -> Verdict:
    """Who administers signed in with a second factor: a password that was read over a shoulder must not appoint anybody."""
    return ALLOWED if shown else Refused("second_factor_needed")


def judge_rank(role: str, of: str) -> Verdict:
    """Nobody has power over somebody above: who oversees the counter has none over administrators, an agency none over who is over
    the whole site.
    """
    if of in WHOLE_SITE and role not in WHOLE_SITE:
        return Refused("role_missing")
    return judge_right(role, STOP if of not in AT_THE_COUNTER else UNLOCK)

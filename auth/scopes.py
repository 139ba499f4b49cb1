"""What a machine may be allowed to ask for (RFC 6749 3.3)."""

from __future__ import annotations

# What a scope is for, as entries of the ledger are named; what needs no entry needs no key either.
ACTS = {
    "subjects.enrol": "contact",
    "readiness.check": "readiness",
    "documents.submit": "intake",
    "consents.request": "request",
    "tickets.issue": "ticket",
}
# Scope -> does it need a token that is bound to a key (DPoP)? Whatever touches a paper or a person's data does; what needs
# none is below FAPI 2.0 on purpose, so that a client without DPoP can read the catalogue (``protocols.md`` 2, Tier A).
SCOPES = {"catalog.read": False, **dict.fromkeys(ACTS, True)}
TICKETS = "tickets.issue"


def granted_scopes(asked: str | None, registered: str, *, bound: bool) -> list[str] | None:
    """The scopes of a token; all that are registered when none is asked for. None when one is asked for that is not the
    client's, or that needs a bound token: never silently less or more (A18).
    """
    allowed = [scope for scope in registered.split(" ") if scope in SCOPES]
    if asked is None:
        return [scope for scope in allowed if bound or not SCOPES[scope]] or None
    wanted = asked.split(" ")
    if not set(wanted) <= set(allowed) or len(set(wanted)) != len(wanted):
        return None
    return wanted if bound or not any(SCOPES[scope] for scope in wanted) else None

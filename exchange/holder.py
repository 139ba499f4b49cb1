"""FastAPI only: a ticket -> whoever holds it: the officer's session (``act.sid``) or the client's key (``cnf.jkt``).

No database: everything about the holder is judged in the release's own batch, the ticket's end too, so that an expired
ticket of a known holder leaves its entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from auth.callers import Caller, Machine, Officer, same_text, session_of
from auth.client_tokens import Proof
from auth.scopes import TICKETS
from auth.tokens import Ticket, TokenRefused
from auth.verdict import AccessRefused
from exchange.deps import Parts, authorization_of, clock, parts_of, session_cookie
from exchange.machine import proof_of

_BEARER, _DPOP = "bearer ", "dpop "


@dataclass(frozen=True, slots=True)
class TicketHolder:
    """A ticket with a valid signature, shown by the session or with a ``proof`` by the key that it is bound to."""

    ticket: Ticket
    caller: Caller
    proof: Proof | None


async def ticket_holder(request: Request) -> TicketHolder:
    """Raises ``AccessRefused``."""
    parts = parts_of(request)
    header = authorization_of(request)
    scheme = header.partition(" ")[0].lower() + " "
    if scheme not in {_BEARER, _DPOP}:
        raise AccessRefused("ticket_invalid")
    token = header[len(scheme) :]
    now = clock()
    try:
        ticket = parts.desk.ticket(token, now, expired_too=True)
    except TokenRefused as refused:
        raise AccessRefused("ticket_invalid") from refused
    if (scheme == _DPOP) != (ticket.cnf_jkt is not None):
        raise AccessRefused("ticket_invalid")  # a bound ticket without a proof, or the other way round (A13)
    if ticket.cnf_jkt is not None:
        proof = proof_of(request, token, ticket.cnf_jkt, now)
        return TicketHolder(ticket, Machine(ticket.client_id or "", ticket.agency, TICKETS, proof.jkt), proof)
    return TicketHolder(ticket, _officer(request, parts, ticket), None)


def _officer(request: Request, parts: Parts, ticket: Ticket) -> Officer:
    session_id = session_of(request.cookies.get(session_cookie(parts.settings), ""))
    if ticket.act_sid is None or ticket.act_sub is None or not same_text(session_id, ticket.act_sid):
        raise AccessRefused("ticket_of_another_session")
    return Officer(
        id=ticket.act_sub.removeprefix("officer:"),
        name="",
        agency_id=ticket.agency,
        agency_code=ticket.agency.partition("@")[0],
        site=parts.settings.site,
        counter=ticket.act_counter or "",
        role="officer",
        session_id=session_id,
    )


Holder = Annotated[TicketHolder, Depends(ticket_holder)]

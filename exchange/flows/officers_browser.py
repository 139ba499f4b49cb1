"""What a citizen does in a browser in which an officer is signed in is not the citizen's own (``protocols.md`` 4.1): to decide, to
let a frozen consent go on or close a case, to take the data along, to register a passkey.

The one-time code may have been read out at the counter; whoever has no device of their own is served with assistance. The
session is looked up when the form arrives: that it began or ended in that very moment changes nobody's rights.
"""

from __future__ import annotations

from auth.callers import Officer
from auth.verdict import Refused
from exchange.acts import caller_details, refusal
from storage.consents import ConsentRequest
from storage.keyring import Keyring
from storage.ledger.log import Appender


async def put_on_record(
    keyring: Keyring,
    appender: Appender,
    *,
    officer: Officer,
    subject_ref: str,
    request: ConsentRequest | None,
) -> None:
    """On the citizen's trail, with the officer whose session it is. ``request`` is None on the own link."""
    trail = await keyring.trail(subject_ref)
    about = {"service": request.service, "request": request.id} if request else {}
    details = caller_details(officer, act="officer_browser", **about)
    await appender.submit(refusal("factor", trail, officer, Refused("officer_browser"), details))

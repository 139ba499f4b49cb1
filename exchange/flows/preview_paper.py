"""Who decides looks at a paper before deciding: what is asked for, as it is on file (M30).

Judged like the decision itself: once the factor is passed, by the browser that passed it, while the request is open. The look is an
entry; only its Receipt opens the vault. What leaves is a small picture, drawn in the limited workers, and never the file. Where a
redacted copy will be sent, the owner still sees the whole page: it is the owner's.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from auth.grants import first_refusal, judge_decision, judge_version
from auth.rights import judge_alive
from auth.verdict import AccessRefused, Verdict
from exchange.copies import Copies
from exchange.decided import AskedItem
from exchange.quarantine import DAMAGED, Second, confirmed, suspect
from exchange.representation import decision_needs, judge_still, pinned, represented, told_to_both
from storage.consents import CHALLENGES, REQUESTS, ConsentRequest
from storage.database import Database
from storage.documents import VERSIONS, told_doc
from storage.errors import KeyMissing, SealBroken
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.rights import DEATHS
from storage.vault import Opened, Vault


async def preview(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    copies: Copies,
    *,
    request: ConsentRequest,
    agency: str,
    item: AskedItem,
    browser: str,
    zone: str,
    now: datetime,
) -> Opened:
    """A JPEG of the paper's first pages; ``agency`` is the name of who asks. Raises ``AccessRefused`` after the refusal is on record, ``CopyFailed``, ``CopyBusy`` and
    storage errors.
    """
    version = item.on_file
    if version is None:
        raise AccessRefused("version_unknown")
    where = (version.document_id, version.version)
    look_again = partial(suspect, database, keyring, appender, vault, *where, now)
    try:
        trail = await keyring.trail(request.subject_ref)
        decider = await keyring.trail(request.decider_ref) if represented(request) else None
        try:
            place = await vault.find(*where)
        except SealBroken:  # the row's key is not its own, or was turned while we looked
            if await look_again() is not Second.WHOLE:
                raise
            place = await vault.find(*where)
    except KeyMissing:
        raise AccessRefused("link_unknown") from None
    if place is None:
        raise AccessRefused("version_unknown")

    def judge(facts: Facts, now: datetime) -> Verdict:
        challenges = facts.group(CHALLENGES, "target_id", request.id)
        return first_refusal(
            judge_decision(facts.get(REQUESTS, request.id), challenges, browser=browser, now=now),
            judge_alive(facts.group(DEATHS, "subject_ref", request.decider_ref)),
            judge_still(facts, request, zone, now),
            judge_version(facts.get(VERSIONS, version.id)),
        )

    def events(_facts: Facts, _now: datetime, _verdict: Verdict) -> list[Event]:
        details = {
            "act": "shown",
            "agency": request.agency_id,
            "service": request.service,
            "request": request.id,
            "document_type": item.type,
            "doc": told_doc(version),
        }
        event = Event("preview", trail, "citizen", details)
        return told_to_both(event, decider, request.relation, pinned(request))

    settled = await appender.submit(
        Work(
            kind="preview",
            caller=f"citizen:{request.decider_ref}",
            trail=trail,
            load=[
                Need(REQUESTS, request.id),
                Need(CHALLENGES, request.id, "target_id"),
                Need(DEATHS, request.decider_ref, "subject_ref"),
                Need(VERSIONS, version.id),
                *decision_needs(request, [decider] if decider else []),
            ],
            judge=judge,
            events=events,
            released=(version.document_id, version.version),
        )
    )
    settled.verdict.enforce()
    try:
        whole = await vault.prepare(place).open(settled.receipt)
        return await copies.preview(whole, agency=agency, service=request.service)
    except DAMAGED as error:
        raise await confirmed(error, look_again) from None

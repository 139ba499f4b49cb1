"""Citizens: proofs behind the own link, of one entry and of one consent. That of all entries is an export (``own_rights``)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from exchange.answers import archive, back, gone, keys_of, problem
from exchange.bundles import Bundle
from exchange.deps import Browser, CitizenBrowser, Parts, Translated, clock
from exchange.factors import Target
from exchange.flows import exercise_rights, prove_consent, prove_entry, prove_self
from exchange.pages.wording import local
from exchange.schemas import ConsentId

router = APIRouter(tags=["Citizen"])

_LAST_ENTRY = 2**63 - 1
EntryNumber = Annotated[int, Path(ge=0, le=_LAST_ENTRY)]


@router.get(
    "/w/{code}/bukti/{entry}.zip",
    operation_id="getOwnProof",
    summary="The proof of an own entry",
    response_class=Response,
)
async def own_proof(parts: Translated, browser: CitizenBrowser, code: str, entry: EntryNumber) -> Response:
    """The holder of the link, after the factor: the entry itself, opened, and the proof that it is in the log; of a delivery its receipt
    too. Changes nothing.
    """
    reader = await _reader(parts, browser, code)
    if isinstance(reader, Response):
        return reader
    bundle = await prove_entry.for_citizen(
        parts.database,
        parts.keyring,
        parts.publisher,
        prove_entry.Maker(parts.desk, parts.copies, await keys_of(parts), parts.site_name),
        subject_ref=reader,
        number=entry,
        now=clock(),
    )
    return _answer(parts, browser, bundle)


@router.get(
    "/w/{code}/receipts/{consent_id}.zip",
    operation_id="getOwnConsentProof",
    summary="The proof of an own consent",
    response_class=Response,
)
async def own_consent_proof(
    parts: Translated, browser: CitizenBrowser, code: str, consent_id: ConsentId
) -> Response:
    """The same for a consent, also one that was withdrawn: every revision of its record with the entry of each. Changes nothing."""
    reader = await _reader(parts, browser, code)
    if isinstance(reader, Response):
        return reader
    bundle = await prove_consent.for_citizen(
        parts.database,
        parts.keyring,
        parts.publisher,
        prove_consent.Maker(parts.desk, await keys_of(parts), parts.site_name),
        reader=reader,
        consent_id=consent_id,
        now=clock(),
    )
    return _answer(parts, browser, bundle)


async def _reader(parts: Parts, browser: Browser, code: str) -> str | Response:
    """Who holds the link and has passed the factor; everybody else gets what the link itself would say."""
    now = clock()
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=now)
    if link is None:
        return gone(parts)
    target = Target(link.id, link.subject_ref, None)
    state = await prove_self.factor_state(parts.database, target=target, browser=browser.hash, now=now)
    return link.subject_ref if state.passed else back(parts, browser, f"/w/{code}")


def _answer(parts: Parts, browser: Browser, bundle: Bundle | None) -> Response:
    if bundle is None:
        return problem(parts, browser, "not_found", 404)
    return archive(bundle.packed(local(clock(), parts.zone)), bundle.name)

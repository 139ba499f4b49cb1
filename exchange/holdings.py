"""What is on file, evaluated: shared by the look (readiness) and the question (consent request). And whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from auth.callers import Caller
from auth.verdict import AccessRefused
from exchange.requirements.catalogue import Catalogue, DocumentType, Service
from exchange.requirements.numbers import (
    FAMILY_CARD,
    NUMBERED_BY_THING,
    CheckedNumber,
    NumberError,
    bare,
    check_about,
    check_number,
    is_nik,
)
from exchange.requirements.rules import Evaluation, Paper, evaluate
from exchange.requirements.things import THINGS
from exchange.requirements.vocabulary import ROLES
from storage.agencies import offered_services
from storage.database import Database
from storage.documents import DocumentVersion, readable_or_not, things_of
from storage.keyring import Keyring
from storage.subjects import nik_index_of


async def own_service(database: Database, catalogue: Catalogue, caller: Caller, code: str) -> Service:
    """Raises ``AccessRefused``: a caller acts for services of the own agency only."""
    service = catalogue.services.get(code)
    if service is None:
        raise AccessRefused("service_unknown")
    async with database.reading() as reading:
        offered = await offered_services(reading, caller.agency_id)
    if code not in offered:
        raise AccessRefused("service_of_another_agency")
    return service


def misnamed(
    catalogue: Catalogue, answers: Mapping[str, bool], parties: Mapping[str, Sequence[str]]
) -> list[dict[str, str]]:
    """Answers to unknown conditions and unknown roles, as a problem names them: a slip must not go unseen."""
    wrong = [("answers", code, "unknown") for code in answers if code not in catalogue.conditions]
    for role in parties:
        if role == "applicant":
            wrong.append(("parties", role, "named_by_the_request"))
        elif role not in ROLES | THINGS:
            wrong.append(("parties", role, "unknown"))
    return [
        {"pointer": f"/{member}/{name.replace('~', '~0').replace('/', '~1')}", "code": code}
        for member, name, code in wrong
    ]


async def is_own_nik(database: Database, keyring: Keyring, subject_ref: str, number: str) -> bool:
    """Compared by the keyed index: the citizen's NIK itself stays sealed."""
    async with database.reading() as reading:
        index = await nik_index_of(reading, subject_ref)
    return index is not None and index == keyring.nik_index(bare(number))


async def numbered(
    database: Database,
    keyring: Keyring,
    subject_ref: str,
    kind: DocumentType,
    number: str | None,
    about: str | None,
    today: date,
) -> tuple[CheckedNumber | None, str | None]:
    """Number and thing of the paper, checked by its type. Whose NIK it is, the intake judges and puts on record. Raises ``NumberError``."""
    checked = None
    if number:
        own = kind.code == FAMILY_CARD and await is_own_nik(database, keyring, subject_ref, number)
        checked = check_number(kind, number, today=today, nik=number if own else None)
    thing = check_about(kind, about) if about else None
    if checked is not None and kind.code in NUMBERED_BY_THING:
        plate_or_nop = check_about(kind, checked.normalised)
        if thing not in {None, plate_or_nop}:
            raise NumberError("differs_from_number", "about")
        thing = plate_or_nop
    return checked, thing


async def check_own_number(
    database: Database, keyring: Keyring, subject_ref: str, document_type: DocumentType, number: str | None
) -> None:
    """Raises ``AccessRefused`` when the NIK on the paper is another person's: it would be served under the wrong name."""
    if number is None or not is_nik(document_type):
        return
    if not await is_own_nik(database, keyring, subject_ref, number):
        raise AccessRefused("number_of_another_citizen")


async def evaluated(
    database: Database,
    catalogue: Catalogue,
    service: Service,
    subject_ref: str,
    parties: Mapping[str, Sequence[str]],
    answers: Mapping[str, bool],
    today: date,
    chosen: Sequence[str] | None = None,
) -> Evaluation:
    """The service's rules on what is on file for the applicant and the named parties; ``chosen`` documents go first."""
    roles = {**{role: list(refs) for role, refs in parties.items()}, "applicant": [subject_ref]}
    everybody = sorted({ref for refs in roles.values() for ref in refs})
    async with database.reading() as reading:
        versions = await readable_or_not(reading, everybody)
        about = await things_of(
            reading, [version.document_id for version in versions if version.about is not None]
        )
    papers = [as_paper(version, about.get(version.document_id)) for version in versions]
    return evaluate(
        catalogue,
        service,
        papers=papers,
        parties=roles,
        answers=answers,
        today=today,
        chosen=chosen or (),
    )


def as_paper(version: DocumentVersion, about: str | None = None) -> Paper:
    return Paper(
        document_id=version.document_id,
        version=version.version,
        type=version.type,
        subject_ref=version.subject_ref,
        issued_on=version.issued_on,
        valid_until=version.valid_until,
        tax_year=version.tax_year,
        level=version.level,
        background=version.background,
        about=about,
        stale_event=version.stale_event,
        provenance=version.provenance,
        taken_by=version.taken_by,
        quarantined=version.state == "quarantined",
    )

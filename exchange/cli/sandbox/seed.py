"""Makes the synthetic world through the same flows as everybody: agencies, officers, citizens, their papers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from auth.callers import Officer
from auth.scopes import SCOPES
from auth.verdict import AccessRefused
from exchange import sessions, uploads
from exchange.answers import limits_of
from exchange.cli.sandbox.client_keys import client_key
from exchange.cli.sandbox.facts import DRAFT, FACTS, read_draft, read_facts, write_facts
from exchange.cli.sandbox.families import Citizen, World, sandbox_world
from exchange.cli.sandbox.naming import name_families
from exchange.contacts import NewContact
from exchange.deps import Parts, clock, today_at
from exchange.flows import enrol, run_clients, run_officers, run_site, sign_in, take_in
from exchange.passwords import hash_password
from exchange.requirements.numbers import parse_nik
from exchange.settings import Settings, SettingsRefused
from exchange.wiring import wired

CLIENTS = 3


async def ensure(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Make the world once; at every start write down where it is reached.

    Raises ``SettingsRefused`` when somebody else's world, or half of one, is in the database.
    """
    place = settings.data_dir
    async with wired(settings) as parts:
        if not (place / FACTS).exists():
            say("making a synthetic world: 20 citizens with real files ...")
            write_facts(place, await _Making(parts, place).made())
            (place / DRAFT).unlink(missing_ok=True)
            say("  done")
        facts = read_facts(place)
        facts |= {
            "origin": settings.origin,
            "inbox_url": f"{settings.origin}/sandbox/inbox",
            "log_vkey": parts.publisher.vkey,
            "data_dir": str(place),
        }
        write_facts(place, facts)


class _Making:
    """A world in the making. The draft knows the day, the passwords and the citizens that are done, so that a start that
    was interrupted goes on where it was.
    """

    def __init__(self, parts: Parts, place: Path) -> None:
        self._parts = parts
        self._place = place
        self._draft = read_draft(place)
        today = self._draft.get("made_on")
        self._world = sandbox_world(date.fromisoformat(today) if today else today_at("Asia/Makassar"))

    async def made(self) -> dict[str, Any]:
        world = self._world
        if not self._draft:
            # Before the first officer is enrolled: in the database a password is a hash.
            self._keep(
                site={"id": world.site_code, "name": world.site_name, "zone": world.zone},
                made_on=world.today.isoformat(),
                officers=[_credentials(person) for person in world.officers],
                clients=[],
                citizens=[],
            )
        await self._agencies()
        await self._officers()
        await self._clients()
        await self._citizens()
        return self._draft

    def _keep(self, **more: Any) -> None:
        self._draft |= more
        write_facts(self._place, self._draft, DRAFT)

    async def _agencies(self) -> None:
        parts, world = self._parts, self._world
        await run_site.add_site(
            parts.database, site_id=world.site_code, name=world.site_name, zone=world.zone
        )
        for agency in world.agencies:
            services = [row.code for row in parts.catalogue.services.values() if row.agency == agency.code]
            with _already("agency_exists"):
                await run_site.add_agency(
                    parts.database,
                    parts.keyring,
                    parts.appender,
                    code=agency.code,
                    site_id=world.site_code,
                    name=agency.name,
                    services=services,
                )
                continue
            await run_site.offer_services(parts.database, agency_id=agency.id, services=services)

    async def _officers(self) -> None:
        parts = self._parts
        for person, row in zip(self._world.officers, self._draft["officers"], strict=True):
            with _already("username_taken"):
                await run_officers.add_officer(
                    parts.keyring,
                    parts.appender,
                    username=person.username,
                    name=person.name,
                    agency_id=person.agency,
                    counter=person.counter,
                    role=person.role,
                    password_hash=await hash_password(row["password"]),
                    email=f"{person.username}@contoh.invalid" if person.role == "supervisor" else "",
                )

    async def _clients(self) -> None:
        """The back ends of three agencies, each with the private key that it would keep."""
        parts = self._parts
        for agency in self._world.agencies[:CLIENTS]:
            client_id = f"{agency.code.lower()}-backend"
            key = client_key(self._place, client_id)
            row = {
                "client_id": client_id,
                "agency": agency.id,
                "private_jwk_file": str(key.file),
                "scopes": list(SCOPES),
            }
            with _already("client_exists"):
                await run_clients.add_client(
                    parts.database,
                    parts.keyring,
                    parts.appender,
                    client_id=client_id,
                    agency_id=agency.id,
                    name=f"Sistem {agency.code}",
                    scopes=list(SCOPES),
                )
            with _already("client_key_exists"):
                await run_clients.add_client_key(
                    parts.keyring, parts.appender, client_id=client_id, kid=key.kid, jwk=key.public
                )
            if row not in self._draft["clients"]:
                self._draft["clients"].append(row)
        self._keep()

    async def _citizens(self) -> None:
        parts, first = self._parts, self._draft["officers"][0]
        try:
            signed = await sign_in.sign_in(
                parts.database,
                parts.keyring,
                parts.appender,
                parts.sign_ins,
                username=first["username"],
                password=first["password"],
            )
        except AccessRefused:
            raise SettingsRefused(
                "the database holds officers of another world, whose passwords are not known here: "
                "`berkas sandbox reset`, or another BERKAS_DATABASE_URL; where a backup was restored, copy facts.json of its old data "
                "directory into this one first"
            ) from None
        done: list[dict[str, Any]] = self._draft["citizens"]
        for citizen in self._world.citizens[len(done) :]:
            done.append(await _citizen(parts, signed.officer, citizen, self._world))
            self._keep()
        if not self._draft.get("families_named"):
            await name_families(parts, signed.officer, self._world.citizens)
            self._keep(families_named=True)
        await sessions.sign_out(parts.keyring, parts.appender, officer=signed.officer)


def _credentials(person: Any) -> dict[str, Any]:
    return {
        "username": person.username,
        "password": secrets.token_urlsafe(12),
        "totp_secret": None,
        "agency": person.agency,
        "counter": person.counter,
    }


@contextlib.contextmanager
def _already(reason: str) -> Iterator[None]:
    """An earlier, interrupted start did this."""
    try:
        yield
    except AccessRefused as refused:
        if refused.reason != reason:
            raise


async def _citizen(parts: Parts, officer: Officer, citizen: Citizen, world: World) -> dict[str, Any]:
    nik = parse_nik(citizen.nik, birth_date=citizen.birth_date, today=world.today)
    contacts = [NewContact("whatsapp", citizen.phone)]
    if citizen.email:
        contacts.append(NewContact("email", citizen.email))
    enrolled = await enrol.enrol(
        parts.database,
        parts.keyring,
        parts.appender,
        caller=officer,
        nik=nik,
        name=citizen.name,
        birth_date=citizen.birth_date,
        contacts=contacts,
        limits=limits_of(parts),
        now=clock(),
    )
    from exchange.cli.sandbox.papers import (
        make_paper,
    )  # one second of imports that only the first start needs

    for paper in citizen.papers:
        # Drawing a scan takes the processor for some 40 ms; elsewhere so that the ledger's commits go on.
        file = await asyncio.to_thread(make_paper, citizen, paper)
        await _paper(parts, officer, enrolled.subject_ref, paper, file.media_type, file.content)
    return {
        "nik": citizen.nik,
        "name": citizen.name,
        "contact": citizen.email or citizen.phone,
        "holds": list(citizen.holds),
        "purpose": citizen.purpose,
    }


async def _paper(
    parts: Parts, officer: Officer, subject_ref: str, paper: Any, media_type: str, content: bytes
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await take_in.take_in(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        parts.gate,
        caller=officer,
        subject_ref=subject_ref,
        document_type=parts.catalogue.document_types[paper.type],
        shareable=paper.type not in parts.catalogue.never_shared,
        paper=uploads.Paper(
            issued_on=paper.issued_on,
            valid_until=paper.valid_until,
            tax_year=paper.tax_year,
            level=paper.level,
            background=paper.background,
            number=paper.number,
            about=paper.about,
        ),
        body=uploads.Body(media_type, len(content), hashlib.sha256(content).digest(), chunks()),
        limit_bytes=parts.settings.upload_limit_bytes,
        limits=limits_of(parts),
        now=clock(),
    )

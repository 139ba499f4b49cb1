"""Makes the synthetic world through the same flows as everybody: agencies, officers, citizens, their papers."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

from auth.callers import Officer
from exchange import uploads
from exchange.app import wired
from exchange.cli.sandbox.facts import FACTS, read_facts, write_facts
from exchange.cli.sandbox.families import Citizen, World, sandbox_world
from exchange.deps import Parts, clock, today_at
from exchange.flows import enrol, run_site, sign_in, take_in
from exchange.requirements.numbers import parse_nik
from exchange.settings import Settings


async def ensure(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Make the world once; at every start write down where it is reached."""
    async with wired(settings) as parts:
        if not (settings.data_dir / FACTS).exists():
            say("making a synthetic world: 20 citizens with real files ...")
            write_facts(settings.data_dir, await _made(parts))
            say("  done")
        facts = read_facts(settings.data_dir)
        facts |= {
            "origin": settings.origin,
            "inbox_url": f"{settings.origin}/sandbox/inbox",
            "log_vkey": parts.publisher.vkey,
            "data_dir": str(settings.data_dir),
        }
        write_facts(settings.data_dir, facts)


async def _made(parts: Parts) -> dict[str, Any]:
    world = sandbox_world(today_at("Asia/Makassar"))
    await run_site.add_site(parts.database, site_id=world.site_code, name=world.site_name, zone=world.zone)
    for agency in world.agencies:
        services = [row.code for row in parts.catalogue.services.values() if row.agency == agency.code]
        await run_site.add_agency(
            parts.database,
            parts.keyring,
            parts.appender,
            code=agency.code,
            site_id=world.site_code,
            name=agency.name,
            services=services,
        )
    officers = [await _officer(parts, person) for person in world.officers]
    first = officers[0]
    signed = await sign_in.sign_in(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.sign_ins,
        username=first["username"],
        password=first["password"],
    )
    made = [await _citizen(parts, signed.officer, citizen, world) for citizen in world.citizens]
    await sign_in.sign_out(parts.keyring, parts.appender, officer=signed.officer)
    return {
        "site": {"id": world.site_code, "name": world.site_name, "zone": world.zone},
        "made_on": world.today.isoformat(),
        "officers": officers,
        "clients": [],
        "citizens": made,
    }


async def _officer(parts: Parts, person: Any) -> dict[str, Any]:
    password = secrets.token_urlsafe(12)
    await run_site.add_officer(
        parts.database,
        parts.keyring,
        parts.appender,
        username=person.username,
        name=person.name,
        agency_id=person.agency,
        counter=person.counter,
        role=person.role,
        password_hash=await sign_in.hash_password(password),
    )
    return {
        "username": person.username,
        "password": password,
        "totp_secret": None,
        "agency": person.agency,
        "counter": person.counter,
    }


async def _citizen(parts: Parts, officer: Officer, citizen: Citizen, world: World) -> dict[str, Any]:
    nik = parse_nik(citizen.nik, birth_date=citizen.birth_date, today=world.today)
    contacts = [enrol.NewContact("whatsapp", citizen.phone)]
    if citizen.email:
        contacts.append(enrol.NewContact("email", citizen.email))
    enrolled = await enrol.enrol(
        parts.database,
        parts.keyring,
        parts.appender,
        officer=officer,
        nik=nik,
        name=citizen.name,
        birth_date=citizen.birth_date,
        contacts=contacts,
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
        "subject_ref": enrolled.subject_ref,
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
        officer=officer,
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
    )

"""Who acts in a bench: an officer at a counter, and citizens whose paper is on file and whose consent is given.

Made through the same flows as everybody's, in this process, before the application is started and measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from auth.callers import Officer
from auth.links import browser_hash
from auth.verdict import AccessRefused
from exchange.answers import contact_rules_of, limits_of, majority_of
from exchange.cli.bench.figures import BenchError
from exchange.cli.bench.papers import Folder, put_on_file
from exchange.cli.bench.world import SITE
from exchange.contacts import NewContact
from exchange.deps import Parts, clock, session_cookie, today_at
from exchange.factors import Target
from exchange.flows import (
    ask_consent,
    enrol,
    follow_request,
    give_consent,
    look_after,
    prove_self,
    run_officers,
    run_site,
    sign_in,
)
from exchange.passwords import hash_password
from exchange.records import Terms
from exchange.requirements.numbers import parse_nik

T = TypeVar("T")
S = TypeVar("S")

AGENCY = "DPMPTSP"
AT_ONCE = 8
# The inbox shows 500 messages: the one-time codes of a group must all be among them.
GROUP = 200
INBOX_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Counter:
    """A signed-in officer."""

    officer: Officer
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)
    cookie_name: str

    def headers(self, **more: str) -> dict[str, str]:
        return {"Cookie": f"{self.cookie_name}={self.cookie}", "X-CSRF-Token": self.csrf, **more}

    async def arrive(self, _generator: object) -> None:
        """Signed in for the whole run."""

    def asking(self, _path: str) -> dict[str, str]:
        return self.headers()

    def redeeming(self, _path: str, ticket: str) -> dict[str, str]:
        return self.headers(Authorization=f"Bearer {ticket}")


@dataclass(frozen=True, slots=True)
class Citizen:
    """A citizen with documents granted by one consent; the first of them."""

    subject_ref: str
    consent_id: str
    document_id: str
    version: int
    object_key: str


async def open_counter(parts: Parts, agency: str = AGENCY) -> Counter:
    """The site, an agency that offers its services, and a new officer there, signed in."""
    await run_site.add_site(parts.database, site_id=SITE, name="MPP", zone="Asia/Makassar")
    with contextlib.suppress(AccessRefused):  # an earlier part of the same run made it
        await run_site.add_agency(
            parts.database,
            parts.keyring,
            parts.appender,
            code=agency,
            site_id=SITE,
            name=agency,
            services=[row.code for row in parts.catalogue.services.values() if row.agency == agency],
        )
    username, password = f"bench.{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    await run_officers.add_officer(
        parts.keyring,
        parts.appender,
        username=username,
        name="Petugas",
        agency_id=f"{agency}@{SITE}",
        counter="Loket 1",
        role="officer",
        password_hash=await hash_password(password),
    )
    signed = await sign_in.sign_in(
        parts.database, parts.keyring, parts.appender, parts.sign_ins, username=username, password=password
    )
    return Counter(signed.officer, signed.secret, signed.csrf, session_cookie(parts.settings))


async def consenting(parts: Parts, counter: Counter, numbers: Iterable[int], folder: Folder) -> list[Citizen]:
    """One citizen a number, each with such a folder that may be fetched."""
    waiting = list(numbers)
    made: list[Citizen] = []
    while waiting:
        group, waiting = waiting[:GROUP], waiting[GROUP:]
        made += await _group(parts, counter, group, folder)
    return made


async def _group(parts: Parts, counter: Counter, numbers: list[int], folder: Folder) -> list[Citizen]:
    asked = await _each(numbers, lambda number: _asked(parts, counter, number, folder))
    codes = await _codes(parts, [request.phone for request in asked])
    return await _each(asked, lambda request: _granted(parts, counter, request, codes[request.phone]))


def nik_of(number: int) -> str:
    """Of a synthetic citizen: a serial of 99xx, no two alike for 3,360,000 numbers."""
    day, month, year, serial = number % 28, number // 28 % 12, number // 336 % 100, number // 33_600 % 100
    return f"647209{day + 1:02d}{month + 1:02d}{year:02d}99{serial:02d}"


async def enrolled(parts: Parts, counter: Counter, number: int) -> tuple[str, str]:
    """(reference, phone) of a synthetic citizen."""
    phone = f"+62812{number:08d}"
    citizen = await enrol.enrol(
        parts.database,
        parts.keyring,
        parts.appender,
        caller=counter.officer,
        nik=parse_nik(nik_of(number), birth_date=None, today=today_at(parts.zone)),
        name="Warga",
        birth_date=None,
        contacts=[NewContact("whatsapp", phone)],
        limits=limits_of(parts),
        now=clock(),
    )
    return citizen.subject_ref, phone


@dataclass(frozen=True, slots=True)
class _Asked:
    phone: str
    opened: give_consent.Opened
    target: Target
    browser: str
    service: str
    document: Any


async def _asked(parts: Parts, counter: Counter, number: int, folder: Folder) -> _Asked:
    """Enrolled, the papers on file, asked, the one-time code on its way."""
    subject_ref, phone = await enrolled(parts, counter, number)
    kept = [await put_on_file(parts, counter.officer, subject_ref, scan) for scan in folder.scans]
    opened = await _requested(parts, counter, subject_ref, folder)
    browser = browser_hash(parts.keyring.site("one-time-code"), secrets.token_urlsafe(32))
    target = Target(opened.request.id, subject_ref, opened.request.id)
    sent = await prove_self.send_code(
        parts.database,
        parts.keyring,
        parts.appender,
        target=target,
        browser=browser,
        rules=contact_rules_of(parts),
        text=lambda code, _until: code,
        codes_per_hour=parts.settings.codes_per_hour,
        now=clock(),
    )
    sent.enforce()
    return _Asked(phone, opened, target, browser, folder.service, kept[0])


async def _requested(parts: Parts, counter: Counter, subject_ref: str, folder: Folder) -> give_consent.Opened:
    now = clock()
    asked = await ask_consent.ask(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        parts.catalogue,
        caller=counter.officer,
        where=ask_consent.Place(parts.site_name, parts.zone, counter.officer.agency_code),
        wanted=ask_consent.Wanted(
            subject_ref=subject_ref,
            service=folder.service,
            channel="qr",
            application_no=None,
            documents=None,
            answers=folder.answers,
            parties={},
        ),
        limits=limits_of(parts),
        majority=majority_of(parts),
        rules=contact_rules_of(parts),
        life=timedelta(hours=1),
        valid_until=now + timedelta(days=1),
        origin=parts.settings.origin,
        today=today_at(parts.zone),
        now=now,
    )
    opened = await give_consent.open_link(
        parts.database, parts.keyring, code=(asked.link or "").rpartition("/")[2]
    )
    if opened is None:
        raise BenchError("a consent link that was just made cannot be opened")
    return opened


async def _granted(parts: Parts, counter: Counter, asked: _Asked, code: str) -> Citizen:
    verdict, _left = await prove_self.verify_code(
        parts.keyring, parts.appender, target=asked.target, browser=asked.browser, code=code
    )
    verdict.enforce()
    now = clock()
    await give_consent.decide(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        opened=asked.opened,
        browser=asked.browser,
        ticked=[item.key for item in asked.opened.items],
        terms=Terms("0" * 64, now, "bench", (SITE, "Bench"), asked.service, "id", None, "http://bench/w/"),
        notice=lambda _granted, _refused, link, _to_subject: link,
        link_life=timedelta(days=1),
        origin=parts.settings.origin,
        zone=parts.zone,
        now=now,
    )
    request = await follow_request.state_of(
        parts.database,
        parts.keyring,
        parts.appender,
        caller=counter.officer,
        request_id=asked.opened.request.id,
        now=now,
    )
    paper = asked.document
    where = (paper.document_id, paper.version, paper.object_key)
    return Citizen(asked.target.subject_ref, str(request.consent_id), *where)


async def _codes(parts: Parts, phones: list[str]) -> dict[str, str]:
    """The one-time codes as the sandbox's inbox shows them, once all are sent."""
    async with asyncio.timeout(INBOX_WAIT_S):
        while True:
            messages = await look_after.sent(parts.database, parts.keyring)
            codes = {message["to"]: str(message["code"]) for message in messages if message["kind"] == "otp"}
            if codes.keys() >= set(phones):
                return codes
            await asyncio.sleep(0.2)


async def _each(items: list[S], work: Callable[[S], Coroutine[Any, Any, T]]) -> list[T]:
    """``AT_ONCE`` at a time, in order."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(item: S) -> T:
        async with limit:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))

"""Opens every part once, in order, and closes them in reverse: ``wired`` for the command line, ``at_work`` for a replica."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auth.tokens import TokenDesk
from exchange.answers import reference
from exchange.background import Background
from exchange.copies import PROCESSES, TASKS, Copies
from exchange.deps import Parts, clock
from exchange.factors import CitizenIdentity
from exchange.flows import reopen_log, run_site, turn_keys
from exchange.flows.fetch_client_keys import ClientKeySets
from exchange.flows.sign_in import ATTEMPTS_PER_MINUTE
from exchange.flows.verify_record import VERIFICATIONS_PER_MINUTE
from exchange.guarded import Guarded
from exchange.loops import keep_gate, start_loops
from exchange.pages import Pages
from exchange.pages.views import Site
from exchange.requirements.catalogue import load_catalogue
from exchange.settings import Settings, SettingsRefused
from storage import schema
from storage.agencies import site as read_site
from storage.blobs import Blobs
from storage.clamd import Scanner
from storage.database import Database
from storage.documents import DocumentVersion
from storage.errors import KeyMissing
from storage.inspection import GATE_TASKS, Gate
from storage.keyring import Keyring, provider_for
from storage.ledger.cosigned import make_known
from storage.ledger.log import Appender
from storage.ledger.policy import Policy, PolicyRefused
from storage.ledger.publisher import Publisher, open_log
from storage.ledger.refusals import RefusalBudget
from storage.shelf import Shelf
from storage.signatures.judging import AnchorsUnreadable, read_anchors
from storage.spool import Spool
from storage.vault import Vault
from storage.workers import LimitedWorkers

if TYPE_CHECKING:
    from exchange.identity_provider import IdentityProvider

LOG_NAME = "akses"
_log = logging.getLogger("berkas.app")


@contextlib.asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[Parts]:
    """Every part, opened in order and closed in reverse. The command line uses it without the web and its loops.

    Raises ``SettingsRefused`` and what the parts raise when they cannot start.
    """
    catalogue = load_catalogue()
    if unknown := settings.unassisted - set(catalogue.services):
        raise SettingsRefused(f"BERKAS_NO_ASSISTED_SERVICES names what is no service: {min(unknown)}")
    if unknown := settings.unstamped - set(catalogue.services):
        raise SettingsRefused(f"BERKAS_ORIGINAL_SERVICES names what is no service: {min(unknown)}")
    catalogue = catalogue.with_originals(settings.unstamped)
    database = Database(_secret(settings, "database_url"))
    blobs = _bucket(settings)
    keyring = Keyring(database, provider_for(settings.root_key or "", settings.root_key_other))
    background = Background()
    guarded = Guarded(
        ports=[int(port) for port in settings.outbound_ports.split(",")],
        allowed=settings.outbound_allow.split(","),
        ca_file=settings.outbound_ca_file,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await keyring.open(clock())
        await blobs.open()
        stack.push_async_callback(blobs.close)
        if settings.mode == "sandbox":
            await blobs.ensure_bucket()
        else:
            await _refuse_unsafe_database(database)
            await _refuse_another_schema(database)
        origin = await open_log(database, f"{urlsplit(settings.origin).netloc}/{LOG_NAME}")
        publisher = Publisher(database, [], at_once=settings.mode == "sandbox")
        appender = Appender(database, site_trail=keyring.site_trail(), on_commit=publisher.nudge)
        await run_site.publish_catalogue(
            database, {code: row.name_id for code, row in catalogue.document_types.items()}
        )
        stack.push_async_callback(publisher.stop)
        await appender.start()
        stack.push_async_callback(appender.stop)
        # First of all: nothing stands before it under a new origin.
        await reopen_log.put_on_record(database, keyring, appender)
        client_keys = ClientKeySets(database, keyring, appender, guarded)
        stack.push_async_callback(client_keys.stop)
        stack.push_async_callback(background.stop)
        await turn_keys.first_keys(database, keyring, appender, clock())
        rows = await turn_keys.listed(database)
        keys = await turn_keys.loaded(keyring, rows)
        publisher.turn(await turn_keys.log_signers(keyring, rows, origin))
        await publisher.start()
        gate = _gate(settings) if settings.inspect_files else None
        if gate is not None:
            stack.push_async_callback(gate.workers.stop)
        async with database.transaction() as transaction:
            site = await read_site(transaction, settings.site)
        site_name = site.name if site else "Mal Pelayanan Publik"
        zone = site.zone if site else "Asia/Makassar"
        workers = LimitedWorkers(TASKS, processes=PROCESSES)
        stack.push_async_callback(workers.stop)
        parts = Parts(
            settings=settings,
            database=database,
            keyring=keyring,
            appender=appender,
            publisher=publisher,
            vault=Vault(database, blobs, keyring, site=settings.site),
            gate=gate,
            desk=TokenDesk(settings.origin, settings.audience, keys),
            copies=Copies(
                workers,
                database,
                catalogue.services,
                key=keyring.site("link"),
                origin=settings.origin,
                zone=zone,
                number=reference,
            ),
            background=background,
            sign_ins=RefusalBudget(per_minute=ATTEMPTS_PER_MINUTE),
            verifications=RefusalBudget(per_minute=VERIFICATIONS_PER_MINUTE),
            guarded=guarded,
            client_keys=client_keys,
            catalogue=catalogue,
            pages=Pages(Site(site_name, zone)),
            site_name=site_name,
            zone=zone,
            log_origin=origin,
            witnesses=await _known(_policy(settings.witness_policy), database),
            provider=_provider(settings) if settings.oidc_issuer else None,
            citizen_identity=_citizen_identity(settings, database, keyring)
            if settings.inapas_issuer
            else None,
        )
        yield parts


@contextlib.asynccontextmanager
async def sealed_shelf(settings: Settings) -> AsyncIterator[Shelf]:
    """The bucket's objects as they are stored, for a copy and for giving one back: no key is at hand, nothing can be opened."""
    blobs = _bucket(settings)
    await blobs.open()
    try:
        if settings.mode == "sandbox":
            await blobs.ensure_bucket()
        yield Shelf(blobs, _no_key, site=settings.site)
    finally:
        await blobs.close()


async def _no_key(row: DocumentVersion) -> bytes:
    raise KeyMissing(row.subject_ref)


def _bucket(settings: Settings) -> Blobs:
    return Blobs(
        settings.s3_endpoint or "",
        _secret(settings, "s3_access_key"),
        _secret(settings, "s3_secret_key"),
        settings.s3_bucket,
    )


@contextlib.asynccontextmanager
async def at_work(settings: Settings) -> AsyncIterator[Parts]:
    """``wired``, with its loops; those that send messages and tidy up are left to ``berkas worker`` where the settings say so."""
    async with wired(settings) as parts:
        start_loops(parts, shared=settings.worker == "inside")
        keep_gate(parts)
        yield parts


def _gate(settings: Settings) -> Gate:
    """Its processes start with the first file, or with the loops of a replica."""
    oldest = timedelta(days=settings.clamd_max_age_days) if settings.mode == "production" else None
    return Gate(
        LimitedWorkers(GATE_TASKS, processes=settings.inspection_workers),
        Spool(settings.spool_limit_bytes),
        Scanner(settings.clamd, oldest) if settings.clamd else None,
        _anchors(settings.trust_anchors),
    )


def _anchors(folder: Path | None) -> tuple[bytes, ...]:
    """Told with their fingerprints: two people compare them with what they were given out of band."""
    try:
        anchors = read_anchors(folder)
    except AnchorsUnreadable as error:
        raise SettingsRefused(f"BERKAS_TRUST_ANCHORS: {error}") from error
    for anchor in anchors:
        _log.info("trust anchor sha256 %s", hashlib.sha256(anchor).hexdigest())
    return anchors


async def _known(policy: Policy | None, database: Database) -> Policy | None:
    """From now on its witnesses can be late."""
    if policy is not None:
        async with database.transaction() as transaction:
            await make_known(transaction, [witness.verifier.id for witness in policy.witnesses])
    return policy


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    try:
        policy = Policy.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, PolicyRefused) as error:
        raise SettingsRefused(f"BERKAS_WITNESS_POLICY: {error}") from None
    for witness in policy.witnesses:
        address = urlsplit(witness.url or "")
        if witness.url and (
            address.scheme not in {"https", "http"} or not address.hostname or "@" in address.netloc
        ):
            raise SettingsRefused(f"BERKAS_WITNESS_POLICY: the address of {witness.name} is none")
    return policy


def _provider(settings: Settings) -> IdentityProvider:
    from exchange.identity_provider import IdentityProvider, Registration

    return IdentityProvider(
        Registration(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=_secret(settings, "oidc_client_secret"),
            redirect_uri=f"{settings.origin}/v1/session/oidc/callback",
            algorithms=settings.algorithms,
            acr=tuple(settings.oidc_acr.split()),
        )
    )


def _citizen_identity(settings: Settings, database: Database, keyring: Keyring) -> CitizenIdentity:
    """Loaded only for who uses it: what it needs is an extra."""
    from exchange.citizen_identity import OidcIdentity
    from exchange.identity_provider import IdentityProvider, Registration

    registration = Registration(
        issuer=settings.inapas_issuer,
        client_id=settings.inapas_client_id,
        client_secret=_secret(settings, "inapas_client_secret"),
        redirect_uri=f"{settings.origin}/p/inapas/callback",
        algorithms=settings.algorithms,
        acr=tuple(settings.inapas_acr.split()),
    )
    return OidcIdentity(
        database, keyring, IdentityProvider(registration), nik_claim=settings.inapas_nik_claim
    )


async def _refuse_unsafe_database(database: Database) -> None:
    """Production does not run on a database that may lose what it acknowledged (DESIGN section 2)."""
    async with database.transaction() as transaction:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            if await transaction.raw.fetchval("SELECT current_setting($1)", name) == "off":
                raise SettingsRefused(f"PostgreSQL runs with {name} off")


async def _refuse_another_schema(database: Database) -> None:
    """Without the newest revision the triggers that keep the log append-only may be missing."""
    found = await schema.current_revision(database)
    if found != schema.HEAD:
        raise SettingsRefused(
            f"the database is at revision {found or 'none'}, this release needs {schema.HEAD}: run `berkas migrate`"
        )


def _secret(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if value is None:
        raise SettingsRefused(f"BERKAS_{name.upper()} is not set")
    return str(value.get_secret_value())

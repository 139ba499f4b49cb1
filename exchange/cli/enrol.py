"""Sites, agencies, officers and clients, from the command line. Each change but of a site stands in the ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from auth.sign_in import judge_password
from auth.verdict import AccessRefused
from exchange.cli import setup
from exchange.deps import Parts
from exchange.flows import link_identity, run_officers, run_site
from exchange.passwords import hash_password
from exchange.problems import PROBLEMS
from exchange.reasons import problem_for
from exchange.settings import Settings, SettingsRefused
from exchange.wiring import wired

site_app = typer.Typer(no_args_is_help=True, help="Places of service.")
agency_app = typer.Typer(no_args_is_help=True, help="Participating agencies.")
officer_app = typer.Typer(no_args_is_help=True, help="Counter officers.")
_UNTIL = typer.Option(None, "--until", formats=["%Y-%m-%d"])
_JSON = typer.Option(True, "--json", help="The only form there is.")


@site_app.command("add")
def add_site(site_id: str, name: str, zone: str = "Asia/Makassar") -> None:
    """SITE_ID is the Kemendagri district code without dot, for example 6472."""
    with_parts(lambda parts: run_site.add_site(parts.database, site_id=site_id, name=name, zone=zone))
    typer.echo(site_id)


@site_app.command("list")
def list_sites(_as_json: bool = _JSON) -> None:
    rows = with_parts(lambda parts: run_site.list_sites(parts.database))
    typer.echo(json.dumps([{"id": row.id, "name": row.name, "zone": row.zone} for row in rows], indent=2))


@agency_app.command("add")
def add_agency(code: str, site_id: str, name: str) -> None:
    """CODE as in the catalogue (DPMPTSP); the agency offers the catalogue's services of this code."""

    async def add(parts: Parts) -> str:
        services = [row.code for row in parts.catalogue.services.values() if row.agency == code]
        return await run_site.add_agency(
            parts.database,
            parts.keyring,
            parts.appender,
            code=code,
            site_id=site_id,
            name=name,
            services=services,
        )

    typer.echo(with_parts(add))


@agency_app.command("list")
def list_agencies(_as_json: bool = _JSON) -> None:
    rows = with_parts(lambda parts: run_site.list_agencies(parts.database))
    typer.echo(json.dumps([{"id": row.id, "name": row.name, "active": row.active} for row in rows], indent=2))


@agency_app.command("agreement")
def agreement(agency_id: str, until: datetime | None = _UNTIL) -> None:
    """The day on which the agreement ends, at midnight of the site (without one: no end). Then the agency is refused."""

    async def set_end(parts: Parts) -> None:
        end = until.replace(tzinfo=ZoneInfo(parts.zone)) if until else None
        await run_site.set_agreement(parts.keyring, parts.appender, agency_id=agency_id, until=end)

    with_parts(set_end)


@agency_app.command("suspend")
def suspend_agency(agency_id: str) -> None:
    """Effective with the next request, on every replica."""
    with_parts(
        lambda parts: run_site.set_agency_active(
            parts.keyring, parts.appender, agency_id=agency_id, active=False
        )
    )


@agency_app.command("resume")
def resume_agency(agency_id: str) -> None:
    with_parts(
        lambda parts: run_site.set_agency_active(
            parts.keyring, parts.appender, agency_id=agency_id, active=True
        )
    )


@officer_app.command("add")
def add_officer(
    username: str,
    name: str,
    agency_id: str,
    counter: str,
    role: str = "officer",
    email: str = typer.Option("", help="Where a supervisor is told of what a limit stopped."),
    invite: bool = typer.Option(False, "--invite", help="Print a one-time setup code instead of asking."),
) -> None:
    """The password is asked for, never an argument (at least 12 characters); with --invite the officer chooses one with the code:
    that is how the first administrators of a site come in (--role site_admin, two of them).
    """
    password = "" if invite else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not invite and not judge_password(password, username).allowed:
        typer.echo(PROBLEMS["BK-1021"].remedy_en, err=True)
        raise typer.Exit(1)

    async def add(parts: Parts) -> str:
        officer_id = await run_officers.add_officer(
            parts.keyring,
            parts.appender,
            username=username,
            name=name,
            agency_id=agency_id,
            counter=counter,
            role=role,
            password_hash="" if invite else await hash_password(password),
            email=email,
        )
        return await _invitation(parts, officer_id) if invite else officer_id

    typer.echo(with_parts(add))


@officer_app.command("invite")
def invite(username: str) -> None:
    """A new setup code, for an officer who has not used the first one or forgot the password."""
    typer.echo(_with_officer(username, _invitation))


async def _invitation(parts: Parts, officer_id: str) -> str:
    invited = await run_officers.invite(parts.keyring, parts.appender, officer_id=officer_id)
    told = {"id": officer_id, "setup_code": invited.code, "expires_at": invited.expires_at.isoformat()}
    return json.dumps(told, indent=2)


@officer_app.command("list")
def list_officers(_as_json: bool = _JSON) -> None:
    rows = with_parts(lambda parts: run_officers.list_officers(parts.database, parts.keyring, parts.appender))
    shown = [
        {
            "id": row.id, "username": row.username, "agency": row.agency_id, "counter": row.counter,
            "role": row.role, "active": row.active,
        }
        for row in rows
    ]  # fmt: skip
    typer.echo(json.dumps(shown, indent=2))


@officer_app.command("set-email")
def set_email(username: str, email: str) -> None:
    """Where this officer is told of what a limit stopped; an empty one for nowhere."""
    _with_officer(
        username,
        lambda parts, officer_id: run_officers.set_email(
            parts.keyring, parts.appender, officer_id=officer_id, email=email
        ),
    )


@officer_app.command("appoint")
def appoint(username: str, role: str) -> None:
    """ROLE is officer, supervisor, agency_admin, dpo, auditor, operator or site_admin. Administrators do this in pairs, over the API."""
    _with_officer(
        username,
        lambda parts, officer_id: run_officers.appoint(
            parts.keyring, parts.appender, officer_id=officer_id, role=role
        ),
    )


@officer_app.command("take-away-factor")
def take_away_factor(username: str) -> None:
    """For an officer who lost authenticator, passkeys and recovery codes: all of them end, and the password alone signs in until a new one is enrolled."""
    _with_officer(
        username,
        lambda parts, officer_id: run_officers.take_away_factor(
            parts.keyring, parts.appender, officer_id=officer_id
        ),
    )


@officer_app.command("unlock")
def unlock(username: str) -> None:
    """Ten failed sign-ins lock a name for a quarter of an hour, and twice as long each time."""
    _with_officer(
        username,
        lambda parts, officer_id: run_officers.unlock(parts.keyring, parts.appender, officer_id=officer_id),
    )


@officer_app.command("link")
def link(username: str, subject: str) -> None:
    """SUBJECT is the account's `sub` at the identity provider of BERKAS_OIDC_ISSUER: from its administrator, never from the person."""

    async def linked(parts: Parts) -> None:
        if not parts.settings.oidc_issuer:
            raise SettingsRefused("BERKAS_OIDC_ISSUER is not set")
        await link_identity.link(
            parts.database,
            parts.keyring,
            parts.appender,
            username=username,
            issuer=parts.settings.oidc_issuer,
            subject=subject,
        )

    with_parts(linked)


@officer_app.command("unlink")
def unlink(username: str) -> None:
    """The account at the identity provider opens nothing any more; every session of the officer ends."""
    with_parts(
        lambda parts: link_identity.unlink(parts.database, parts.keyring, parts.appender, username=username)
    )


@officer_app.command("suspend")
def suspend_officer(username: str) -> None:
    """Ends every act of this officer with the next request."""
    _set_officer(username, active=False)


@officer_app.command("resume")
def resume_officer(username: str) -> None:
    _set_officer(username, active=True)


def _set_officer(username: str, *, active: bool) -> None:
    _with_officer(
        username,
        lambda parts, officer_id: run_officers.set_active(
            parts.keyring, parts.appender, officer_id=officer_id, active=active
        ),
    )


def _with_officer(username: str, work: Callable[[Parts, str], Awaitable[Any]]) -> Any:
    async def named(parts: Parts) -> Any:
        return await work(parts, await run_officers.id_of(parts.database, username))

    return with_parts(named)


def with_parts(work: Callable[[Parts], Awaitable[Any]]) -> Any:
    async def run(settings: Settings) -> Any:
        async with wired(settings) as parts:
            return await work(parts)

    try:
        with setup.reachable() as settings:
            return asyncio.run(run(settings))
    except AccessRefused as refused:
        problem = problem_for(refused.reason)
        typer.echo(f"refused: {refused.reason}. {problem.remedy_en} ({problem.code})", err=True)
        raise typer.Exit(1) from None

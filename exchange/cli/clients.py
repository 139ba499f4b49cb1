"""Agencies' back ends: add, their keys, suspend, resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from exchange.cli.enrol import with_parts
from exchange.deps import Parts, clock
from exchange.flows import run_clients
from storage.clients import Listed

client_app = typer.Typer(no_args_is_help=True, help="Agencies' back ends and the keys they sign with.")
_SCOPES = typer.Option(["catalog.read"], "--scope", help="Repeat it for several.")
_PURPOSES = typer.Option(
    [], "--purpose", help="A service that it is for; repeat it. None: all of its agency."
)
_ALLOWED = typer.Option(True, "--yes/--no")
_CODES = typer.Argument([])
_JSON = typer.Option(True, "--json", help="The only form there is.")


@client_app.command("add")
def add_client(
    client_id: str, agency_id: str, name: str, scope: list[str] = _SCOPES, purpose: list[str] = _PURPOSES
) -> None:
    """It can do nothing before `berkas client add-key`."""
    with_parts(
        lambda parts: run_clients.add_client(
            parts.database,
            parts.keyring,
            parts.appender,
            client_id=client_id,
            agency_id=agency_id,
            name=name,
            scopes=scope,
            purposes=purpose,
        )
    )
    typer.echo(client_id)


@client_app.command("add-key")
def add_client_key(client_id: str, kid: str, public_jwk: Path) -> None:
    """PUBLIC_JWK is a file with one public P-256 key (RFC 7517), or an RSA key where that is allowed. A client may have several
    at once, to turn them.
    """
    try:
        jwk = json.loads(public_jwk.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        jwk = None
    if not isinstance(jwk, dict):
        typer.echo(f"{public_jwk} holds no JWK", err=True)
        raise typer.Exit(1)
    with_parts(
        lambda parts: run_clients.add_client_key(
            parts.keyring, parts.appender, client_id=client_id, kid=kid, jwk=jwk
        )
    )
    typer.echo(f"{client_id}/{kid}")


@client_app.command("withdraw-key")
def withdraw_client_key(client_id: str, kid: str) -> None:
    """With the next request it signs nobody in; it is never taken again, from the client's address either."""
    with_parts(
        lambda parts: run_clients.withdraw_client_key(
            parts.keyring, parts.appender, client_id=client_id, kid=kid
        )
    )


@client_app.command("list")
def list_clients(_as_json: bool = _JSON) -> None:
    rows = with_parts(lambda parts: run_clients.list_clients(parts.database))
    typer.echo(json.dumps([_shown(row) for row in rows], indent=2))


def _shown(row: Listed) -> dict[str, Any]:
    client = row.client
    return {
        "id": client.id,
        "agency": client.agency_id,
        "name": client.name,
        "scopes": client.scopes.split(" "),
        "purposes": client.purposes.split(),
        "active": client.active,
        "rs256": client.rs256,
        "jwks_uri": client.jwks_uri or None,
        "jwks_confirmed_at": client.jwks_at.isoformat() if client.jwks_at else None,
        "jwks_failure": row.fetch or None,
        "keys": [
            {"kid": key.kid, "alg": key.alg, "by_uri": key.by_uri, "active": key.active} for key in row.keys
        ],
    }


@client_app.command("set-scopes")
def set_scopes(client_id: str, scope: list[str] = _SCOPES) -> None:
    """All that it may ask for from now on; tokens that are out already hold no more than this."""
    with_parts(
        lambda parts: run_clients.set_client_scopes(
            parts.keyring, parts.appender, client_id=client_id, scopes=scope
        )
    )


@client_app.command("set-purposes")
def set_purposes(client_id: str, code: list[str] = _CODES) -> None:
    """The services that it is for, from the next request on; none named: all of its agency."""
    with_parts(
        lambda parts: run_clients.set_client_purposes(
            parts.database, parts.keyring, parts.appender, client_id=client_id, purposes=code
        )
    )


@client_app.command("set-jwks-uri")
def set_jwks_uri(client_id: str, uri: str) -> None:
    """Where the client publishes its keys (RFC 7591): https at a public name; an empty one for nowhere. Asked at once, and from then on
    every ten minutes.
    """

    async def set_and_ask(parts: Parts) -> str:
        await run_clients.set_client_jwks_uri(
            parts.keyring, parts.appender, parts.guarded, client_id=client_id, uri=uri
        )
        return await parts.client_keys.refresh(client_id, clock()) if uri else ""

    if cause := with_parts(set_and_ask):
        typer.echo(f"kept, and not fetched yet: {cause}. It is asked again each minute.", err=True)


@client_app.command("allow-rs256")
def allow_rs256(client_id: str, allowed: bool = _ALLOWED) -> None:
    """RSA keys of 2048 to 4096 bits for its assertions, for a client that can do no better. --no takes it back at once."""
    with_parts(
        lambda parts: run_clients.set_client_rs256(
            parts.keyring, parts.appender, client_id=client_id, allowed=allowed
        )
    )


@client_app.command("suspend")
def suspend_client(client_id: str) -> None:
    """Its tokens end with the next request, on every replica."""
    _set_client(client_id, active=False)


@client_app.command("resume")
def resume_client(client_id: str) -> None:
    _set_client(client_id, active=True)


def _set_client(client_id: str, *, active: bool) -> None:
    with_parts(
        lambda parts: run_clients.set_client_active(
            parts.keyring, parts.appender, client_id=client_id, active=active
        )
    )

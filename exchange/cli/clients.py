"""Agencies' back ends: add, their keys, suspend, resume."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from exchange.cli.enrol import with_parts
from exchange.flows import run_clients

client_app = typer.Typer(no_args_is_help=True, help="Agencies' back ends and the keys they sign with.")
_SCOPES = typer.Option(["catalog.read"], "--scope", help="Repeat it for several.")
_JSON = typer.Option(True, "--json", help="The only form there is.")


@client_app.command("add")
def add_client(client_id: str, agency_id: str, name: str, scope: list[str] = _SCOPES) -> None:
    """It can do nothing before `berkas client add-key`."""
    with_parts(
        lambda parts: run_clients.add_client(
            parts.keyring,
            parts.appender,
            client_id=client_id,
            agency_id=agency_id,
            name=name,
            scopes=scope,
        )
    )
    typer.echo(client_id)


@client_app.command("add-key")
def add_client_key(client_id: str, kid: str, public_jwk: Path) -> None:
    """PUBLIC_JWK is a file with one public P-256 key (RFC 7517). A client may have several at once, to turn them."""
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
    """With the next request it signs nobody in; its name is never used again."""
    with_parts(
        lambda parts: run_clients.withdraw_client_key(
            parts.keyring, parts.appender, client_id=client_id, kid=kid
        )
    )


@client_app.command("list")
def list_clients(_as_json: bool = _JSON) -> None:
    rows = with_parts(lambda parts: run_clients.list_clients(parts.database))
    shown = [
        {
            "id": row.id,
            "agency": row.agency_id,
            "name": row.name,
            "scopes": row.scopes.split(" "),
            "active": row.active,
            "keys": [{"kid": key.kid, "active": key.active} for key in keys],
        }
        for row, keys in rows
    ]
    typer.echo(json.dumps(shown, indent=2))


@client_app.command("set-scopes")
def set_scopes(client_id: str, scope: list[str] = _SCOPES) -> None:
    """All that it may ask for from now on; tokens that are out already hold no more than this."""
    with_parts(
        lambda parts: run_clients.set_client_scopes(
            parts.keyring, parts.appender, client_id=client_id, scopes=scope
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

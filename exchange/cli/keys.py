"""Keys: what there is, and how one takes the place of another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import typer

from auth.key_life import SIGNED_LIFE
from auth.keys import PURPOSES
from exchange.cli import root_keys
from exchange.cli.enrol import with_parts
from exchange.deps import Parts, clock
from exchange.flows import turn_keys
from storage.signing_keys import SigningKeyRow

app = typer.Typer(no_args_is_help=True, help="Signing keys, citizens' keys and the root key.")
root_keys.register(app)
_PURPOSE = typer.Option(
    None,
    "--purpose",
    help="access (tokens), document (tickets, consents, receipts), both by default; ledger (checkpoints); or citizen (papers).",
)
_OVERLAP = typer.Option(
    None,
    "--overlap-s",
    min=10,
    max=30 * 86_400,
    help="Seconds until the new key signs: ten minutes, for the ledger a day.",
)
_BEFORE = typer.Option(
    None,
    "--before",
    help="With --purpose citizen: only keys made before (UTC); to go on after an interruption.",
)
_JSON = typer.Option(False, "--json", help="One object at the end.")
_COMPROMISED = typer.Option(
    False, "--compromised", help="At once: nothing that it signed is accepted any more."
)


@app.command("list")
def list_keys() -> None:
    """Each with its life; the ledger's (Ed25519) with their verifier keys."""

    async def look(parts: Parts) -> list[dict[str, Any]]:
        rows = await turn_keys.listed(parts.database)
        vkeys = {kid: vkey for vkey, kid in (await turn_keys.known_log_vkeys(parts.database)).items()}
        now = clock()
        return [_shown(row, rows, now) | ({"vkey": vkeys[row.id]} if row.id in vkeys else {}) for row in rows]

    typer.echo(json.dumps(with_parts(look), indent=2))


@app.command("rotate")
def rotate(
    purpose: str | None = _PURPOSE,
    overlap_s: int | None = _OVERLAP,
    before: datetime | None = _BEFORE,
    as_json: bool = _JSON,
) -> None:
    """Introduce a new key. It is published now and signs after the overlap; then the old one can be retired. For citizens: a fresh
    document key each, at once.
    """
    if purpose == root_keys.CITIZEN:
        root_keys.turn_citizens(before, as_json=as_json)
        return
    wanted = list(PURPOSES) if purpose is None else [purpose]
    if not set(wanted) <= set(turn_keys.ALL_PURPOSES):
        known = ", ".join((*turn_keys.ALL_PURPOSES, root_keys.CITIZEN))
        typer.echo(f"a purpose is one of {known}", err=True)
        raise typer.Exit(2)

    async def turn(parts: Parts) -> list[tuple[SigningKeyRow, list[SigningKeyRow]]]:
        made = []
        for each in wanted:
            old = [row for row in await turn_keys.listed(parts.database) if _signs(row, each)]
            usual = turn_keys.LEDGER_OVERLAP if each == turn_keys.LEDGER else turn_keys.OVERLAP
            overlap = usual if overlap_s is None else timedelta(seconds=overlap_s)
            fresh = await turn_keys.introduce(
                parts.keyring, parts.appender, purpose=each, overlap=overlap, now=clock()
            )
            made.append((fresh, old))
        return made

    for fresh, old in with_parts(turn):
        ledger = fresh.purpose == turn_keys.LEDGER
        where = "at /log/vkeys" if ledger else "in jwks.json"
        typer.echo(f"{fresh.purpose}: introduced {fresh.id}, {where} from now on")
        if ledger:
            typer.echo("  every checkpoint carries both signatures until the old key is retired")
        else:
            typer.echo(f"  it signs from {fresh.active_from.isoformat()} on; until then the old key does")
        ends = fresh.active_from + SIGNED_LIFE
        for row in old:
            typer.echo(f"  after {ends.isoformat()}: berkas keys retire {row.id}")
        pins = "whoever watches the log" if ledger else "agencies that pin our keys"
        typer.echo(
            f"  {pins}: take the new one from {'/log/vkeys' if ledger else '/.well-known/jwks.json'} until then"
        )


@app.command("retire")
def retire(kid: str, compromised: bool = _COMPROMISED) -> None:
    """Destroy its private half; what it signed can still be checked with jwks-archive.json."""
    rows = with_parts(
        lambda parts: turn_keys.retire(
            parts.database, parts.keyring, parts.appender, kid=kid, revoked=compromised, now=clock()
        )
    )
    row = next(row for row in rows if row.id == kid)
    typer.echo(f"{row.purpose}: {'revoked' if compromised else 'retired'} {kid}")
    if compromised:
        signs = [other for other in rows if _signs(other, row.purpose) and other.active_from <= clock()]
        typer.echo(f"  {signs[-1].id} signs now; every replica has turned after two seconds")
        typer.echo("  agencies: what carries the revoked kid is to be checked against the log, by its proof")


def _signs(row: SigningKeyRow, purpose: str) -> bool:
    return row.purpose == purpose and row.retired_at is None


def _shown(row: SigningKeyRow, rows: Sequence[SigningKeyRow], now: datetime) -> dict[str, Any]:
    signing = [other for other in rows if _signs(other, row.purpose) and other.active_from <= now]
    if row.retired_at is not None:
        state = "revoked" if row.revoked else "retired"
    elif row.active_from > now:
        state = "next"
    else:
        state = "signing" if row == signing[-1] else "verifying"
    shown = {
        "kid": row.id,
        "purpose": row.purpose,
        "state": state,
        "active_from": row.active_from.isoformat(),
        "retired_at": row.retired_at.isoformat() if row.retired_at else None,
    }
    return {name: value for name, value in shown.items() if value is not None}

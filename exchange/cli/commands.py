"""All commands. Each group lives in the file named after what one does."""

from __future__ import annotations

import sys

import typer

from exchange.cli import (
    audit,
    backup,
    bench,
    clients,
    demo,
    enrol,
    fsck,
    grounds,
    imports,
    keys,
    prepare,
    reports,
    run,
    sandbox,
    setup,
    witness,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Berkas: shared-requirements document exchange for public service malls.",
    epilog="Exit codes: 0 done, 1 failed or refused, 2 wrong use, 3 a check found something wrong.",
)
for group in (run, prepare, demo, bench, fsck):
    group.register(app)
app.add_typer(enrol.site_app, name="site")
app.add_typer(enrol.agency_app, name="agency")
app.add_typer(enrol.officer_app, name="officer")
app.add_typer(clients.client_app, name="client")
app.add_typer(grounds.app, name="ground")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="log")
app.add_typer(reports.app, name="report")
app.add_typer(witness.app, name="witness")
app.add_typer(backup.app, name="backup")
app.add_typer(imports.app, name="import")
app.add_typer(sandbox.app, name="sandbox")


def run_command() -> None:
    """What cannot be started is one sentence, not a trace."""
    try:
        app(prog_name="berkas")
    except setup.CANNOT_START as refused:
        typer.echo(f"berkas: {setup.sentence(refused)}", err=True)
        sys.exit(1)

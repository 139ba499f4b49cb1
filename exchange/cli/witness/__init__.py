"""A witness: what an inspectorate runs, on a machine of its own, so that nobody can show two people two histories of one log.

berkas witness init saksi.inspektorat.example.go.id     # prints the verifier key: give it to whoever runs Berkas
berkas witness know '<the log's verifier key>'          # obtained out of band, not asked from the log
berkas witness serve                                    # on loopback, behind whatever speaks TLS
"""

from __future__ import annotations

import contextlib
import logging
import re
from functools import partial
from pathlib import Path

import typer
import uvicorn
import uvloop

from exchange import logs
from exchange.cli.stopping import sigterm_is_ctrl_c
from exchange.cli.witness.door import Door
from exchange.deps import clock
from exchange.edge import Protocol
from exchange.settings import SettingsRefused
from storage.witness import home
from storage.witness.desk import Desk
from storage.witness.memory import Memory, heads_in

CALLS_AT_ONCE = 32
_FOLDER = typer.Option(Path("berkas-witness"), help="Key, known logs, memory.")
_log = logging.getLogger("berkas.witness")

app = typer.Typer(no_args_is_help=True, help="A witness: cosigns checkpoints of logs that it knows.")


@app.command("init")
def init(name: str, folder: Path = _FOLDER) -> None:
    """Make a key under NAME, a domain name of the office, say, and an empty memory. Prints the verifier key."""
    signer = home.create(folder, name)
    typer.echo(signer.vkey())
    typer.echo(
        f"key in {folder / 'key'}: it stays on this machine, and is not put back from a backup", err=True
    )


@app.command("know")
def know(vkey: str, folder: Path = _FOLDER) -> None:
    """Know a log by its verifier key, or a further key of it. A witness that runs knows it at once."""
    typer.echo(f"knows {home.know(folder, vkey)}")


@app.command("show")
def show(folder: Path = _FOLDER) -> None:
    """The verifier key, the known logs, and how far each was cosigned."""
    typer.echo(home.signer_of(folder).vkey())
    heads = heads_in(folder)
    for origin in sorted(home.logs_of(folder).keys() | heads.keys()):
        typer.echo(f"{origin} {heads[origin].size if origin in heads else 0}")


@app.command("serve")
def serve(
    folder: Path = _FOLDER,
    listen: str = typer.Option("127.0.0.1:8090", help="Host and port; TLS is put before it."),
) -> None:
    """Answer add-checkpoint until Ctrl-C."""
    address = re.fullmatch(r"\[?([0-9A-Za-z.:-]+?)\]?:(\d{1,5})", listen)
    if address is None:
        raise SettingsRefused("--listen takes a host and a port, as 127.0.0.1:8090")
    logs.configure()
    signer, known = home.signer_of(folder), partial(home.logs_of, folder)
    with Memory(folder) as memory, sigterm_is_ctrl_c(), contextlib.suppress(KeyboardInterrupt):
        desk = Desk(signer, known, memory, lambda: int(clock().timestamp()))
        server = uvicorn.Server(
            uvicorn.Config(
                Door(desk),
                host=address[1],
                port=int(address[2]),
                http=Protocol,
                access_log=False,
                log_config=None,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CALLS_AT_ONCE,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=3,
            )
        )
        typer.echo(
            f"witness {signer.name} at http://{listen}, knows {', '.join(sorted(known())) or 'no log yet'}"
        )
        uvloop.run(server.serve())

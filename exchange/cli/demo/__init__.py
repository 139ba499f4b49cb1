"""``berkas demo``: the story, step by step, on real files, with a refused case at each step."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import typer

from exchange.cli import setup
from exchange.cli.demo.telling import Refusal
from exchange.cli.sandbox.facts import read_facts
from exchange.cli.stopping import sigterm_is_ctrl_c
from exchange.settings import SettingsRefused

START_WITHIN_S = 90
STOP_WITHIN_S = 15


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    file: Path | None = typer.Option(None, help="Your own PDF or JPEG instead of a synthetic one."),  # noqa: B008
) -> None:
    """Walk the whole story against the running sandbox, or one started for it. Exit code 3 when a step fails."""
    if file is not None and not file.is_file():
        raise SettingsRefused(f"{file} is not a file")
    from exchange.cli.demo.story import Story  # draws papers: imports that no other command needs

    settings = setup.load_settings()
    with _sandbox(setup.data_dir(settings)) as facts:
        try:
            Story(facts, file, say=typer.echo).tell()
        except Refusal as refusal:
            typer.echo(f"\nTHE STORY BROKE: {refusal}", err=True)
            raise typer.Exit(3) from None


@contextmanager
def _sandbox(data_dir: Path) -> Iterator[dict[str, Any]]:
    """The facts of a sandbox that answers; started here, and stopped again, when none does."""
    facts = _answering(data_dir)
    if facts is not None:
        yield facts
        return
    typer.echo("no sandbox is running: starting one for the demo ...")
    command = [sys.executable, "-m", "exchange.cli", "up"]
    log = data_dir / "demo-up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # A session of its own: Ctrl-C comes to the demo, which ends the sandbox once.
    with (
        sigterm_is_ctrl_c(),
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            until_s = time.monotonic() + START_WITHIN_S
            while (facts := _answering(data_dir)) is None:
                if process.poll() is not None or time.monotonic() > until_s:
                    raise SettingsRefused(f"the sandbox did not start; see {log}")
                time.sleep(0.3)
            yield facts
        finally:
            process.terminate()  # `up` ends when its servers have ended
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()  # the servers hear of it from the kernel; the next start waits for them


def _answering(data_dir: Path) -> dict[str, Any] | None:
    """The facts of the sandbox on ``data_dir``, if it is this one that answers at their address: after it has stopped,
    another may have taken the port.
    """
    try:
        facts = read_facts(data_dir)
        # Any that it ever had: the facts are of its start, and the key may have turned since.
        if facts["log_vkey"] not in _read(f"{facts['origin']}/log/vkeys").decode().split():
            return None
        ready = json.loads(_read(f"{facts['origin']}/health/ready"))
        return facts if ready["status"] == "ok" else None
    except (SettingsRefused, URLError, OSError, HTTPException, KeyError, ValueError):
        return None


def _read(url: str) -> bytes:
    with urlopen(url, timeout=2) as answer:  # noqa: S310 - the sandbox's own address
        body: bytes = answer.read()
    return body

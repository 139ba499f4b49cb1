"""What ``deploy/`` describes, without containers: nginx with TLS, two replicas, a worker, PostgreSQL and an object store.

    make stack            # or: python -m tests.deploy.stack [FOLDER]; Ctrl-C ends all of it

nginx runs on ``deploy/nginx.conf`` as it stands: only its names, ports and places are put in. In the mode of the sandbox, since the story
needs the inbox of one-time codes; its authority is thrown away with the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from exchange import logs
from exchange.cli import setup
from exchange.cli.demo.strict import environment_for
from exchange.cli.sandbox.seed import ensure
from exchange.cli.stopping import sigterm_is_ctrl_c
from exchange.settings import Settings
from storage.embedded import process
from storage.embedded.place import EmbeddedServiceError, free_ports
from tests.deploy.nginx import nginx_or_refused, written

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 120
_STOP = ((signal.SIGTERM, 5.0),)  # the replicas end what is under way in 3 s


@dataclass(frozen=True)
class Stack:
    """``origin`` is nginx; ``replicas`` are the two behind it, without TLS; ``folder`` holds logs and nginx's temporary folders."""

    origin: str
    replicas: list[str]
    authority: Path
    folder: Path
    children: dict[str, subprocess.Popen[bytes]]

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """Raises ``EmbeddedServiceError`` with one sentence when something does not start."""
    nginx = nginx_or_refused()
    tls, plain, *listening = free_ports(4, wanted=None)
    origin = f"https://127.0.0.1:{tls}"
    place = folder / "data"
    settings = setup.load_settings().model_copy(
        update={
            "data_dir": place,
            "public_origin": origin,
            "listen": f"127.0.0.1:{listening[0]}",
            "worker": "apart",
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        ready, _ = stack.enter_context(setup.servers(settings))
        setup.migrate(ready)
        asyncio.run(ensure(ready, say=lambda _words: None))
        setup.note_running(ready)
        children = _started(ready, folder, listening)
        stack.callback(_end, children)
        authority = _certificate(folder)
        configuration = written(folder, tls=tls, plain=plain, replicas=listening)
        children["nginx"] = _start(
            folder, "nginx", [nginx, "-p", folder, "-c", configuration, "-g", "daemon off;"], {}
        )
        running = Stack(
            origin, [f"http://127.0.0.1:{port}" for port in listening], authority, folder, children
        )
        _wait(running)
        yield running


def _started(settings: Settings, folder: Path, ports: list[int]) -> dict[str, subprocess.Popen[bytes]]:
    children = {}
    for name, port, word in (
        ("replica-1", ports[0], "serve"),
        ("replica-2", ports[1], "serve"),
        ("worker", 0, "worker"),
    ):
        environment = environment_for(settings, settings.origin, f"127.0.0.1:{port}") | {
            "BERKAS_WORKER": settings.worker
        }
        children[name] = _start(folder, name, [sys.executable, "-m", "exchange.cli", word], environment)
    return children


def _start(
    folder: Path, name: str, command: list[str | Path], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return process.start(
        None,
        command,
        cwd=folder,
        log=folder / f"{name}.log",
        environment=whole,
        paths=[],
        death_signal="TERM",
    )


def _end(children: dict[str, subprocess.Popen[bytes]]) -> None:
    """nginx first, so that nobody new comes in; together, so that it takes as long as the slowest."""
    for name in reversed(list(children)):
        children[name].terminate()
    for child in children.values():
        process.stop(child, _STOP)


def _wait(stack: Stack) -> None:
    until_s = time.monotonic() + READY_WITHIN_S
    waiting = [*stack.replicas, stack.origin]
    while waiting:
        for name, child in stack.children.items():
            if child.poll() is not None or time.monotonic() > until_s:
                raise EmbeddedServiceError(
                    f"{name} does not start: {(stack.folder / f'{name}.log').read_text()[-400:]}"
                )
        with contextlib.suppress(OSError):
            urlopen(f"{waiting[0]}/health/ready", timeout=2, context=stack.trust()).close()
            del waiting[0]
            continue
        time.sleep(0.1)


def _certificate(folder: Path) -> Path:
    """A key and a certificate for this address, which is its own authority; returns it."""
    key, chain = folder / "key.pem", folder / "fullchain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", chain],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain


def main() -> None:
    logs.configure()
    say = partial(print, flush=True)
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / ".berkas" / "stack"
    began_s = time.monotonic()
    try:
        with sigterm_is_ctrl_c(), running(folder) as stack:
            say(f"The stack is ready after {time.monotonic() - began_s:.1f} s: {stack.origin}")
            for name, child in stack.children.items():
                say(f"  {name:<10} pid {child.pid}, log {folder / f'{name}.log'}")
            say(f"  replicas   {' '.join(stack.replicas)}")
            say(
                f"  story      BERKAS_DATA_DIR={folder / 'data'} SSL_CERT_FILE={stack.authority} ./berkas demo"
            )
            say("Ctrl-C stops everything.")
            while all(child.poll() is None for child in stack.children.values()):
                time.sleep(0.5)
            ended = [name for name, child in stack.children.items() if child.poll() is not None]
            say(f"ended by itself: {', '.join(ended)}")
            sys.exit(1)
    except KeyboardInterrupt:
        say("The stack has stopped.")
    except setup.CANNOT_START as refused:
        sys.exit(f"stack: {setup.sentence(refused)}")


if __name__ == "__main__":
    main()

"""A second replica of the sandbox, with the two rules about contacts on as in production: for the one step that shows them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import SecretStr

from exchange.cli import setup
from exchange.cli.demo.telling import Refusal
from exchange.settings import CONTACT_REST_HOURS, Settings

READY_WITHIN_S = 60
STOP_WITHIN_S = 15
# What a replica has to know of the servers that it shares.
_SHARED = (
    "database_url",
    "s3_endpoint",
    "s3_access_key",
    "s3_secret_key",
    "s3_bucket",
    "root_key",
    "site",
    "data_dir",
)


@contextmanager
def strict_replica(origin: str) -> Iterator[str]:
    """Its address; links and tokens that it makes name ``origin``. Raises ``Refusal`` when it does not start."""
    with setup.reachable() as settings, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
        strict = {"BERKAS_CONTACT_REST_HOURS": str(CONTACT_REST_HOURS), "BERKAS_CONTACT_OTHER_SETTER": "true"}
        environment = os.environ | environment_for(settings, origin, listen) | strict
        probe.close()
        command = [sys.executable, "-m", "exchange.cli", "serve"]
        log = settings.data_dir / "demo-strict.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
        ):
            try:
                _wait(process, listen, f"the second replica did not start; see {log}")
                yield f"http://{listen}"
            finally:
                process.terminate()
                try:
                    process.wait(STOP_WITHIN_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def environment_for(settings: Settings, origin: str, listen: str) -> dict[str, str]:
    """What another replica of ``settings`` is started with."""
    shared = {name: getattr(settings, name) for name in _SHARED}
    given = {**shared, "listen": listen, "public_origin": origin}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in given.items()
        if value is not None
    }
    return {f"BERKAS_{name.upper()}": value for name, value in plain.items()}


def _wait(process: subprocess.Popen[bytes], listen: str, failure: str) -> None:
    until_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until_s and process.poll() is None:
        try:
            with urlopen(f"http://{listen}/health/live", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise Refusal(failure)

"""The embedded PostgreSQL: TCP on loopback, SCRAM passwords, durable settings, no Unix socket.

A data folder holds `data/` (the cluster, owned by the server's user), `postgres.json` (version, binaries, port
and passwords, 0600), `server.log` and `lock`.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storage.embedded import process
from storage.embedded.place import (
    HOST,
    Cancel,
    EmbeddedServiceError,
    FolderLock,
    ServerUser,
    free_ports,
    last_lines,
    prepare_folder,
    read_state,
    server_user,
    shorten_log,
    write_state,
)
from storage.embedded.postgres_binaries import Binaries, find_binaries
from storage.embedded.postgres_cluster import (
    APP,
    DATABASE,
    ENVIRONMENT,
    OWNER,
    ROLES,
    SUPERUSER,
    Cluster,
    first_problem,
)
from storage.embedded.postgres_probe import demands_scram

# Fast shutdown writes a checkpoint; immediate shutdown leaves recovery to the next start.
# Together with the last resort (1 s) within what Ctrl-C may take.
_STOP = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 1.0))
# After kill -9 old backends or their shared memory can hold the cluster for a while (attacks-and-faults F25).
_RETRY_SECONDS = 10.0
_RECOVERY_SECONDS = 60.0  # replaying the log after a crash is work, not a hang

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "password_encryption": "scram-sha-256",
    # A statement or a row in the log could hold a name or a number of a citizen.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",  # short statements: compiling them costs more than it saves
}


@dataclass(frozen=True)
class PostgresEndpoint:
    """A running server. `owner_url` may change the schema, `app_url` may less, `superuser_url` is for tests only."""

    owner_url: str
    app_url: str
    superuser_url: str
    host: str
    port: int
    version: str
    binaries: str
    pid: int

    def __repr__(self) -> str:
        return f"PostgresEndpoint({self.host}:{self.port}, PostgreSQL {self.version}, pid {self.pid})"


class EmbeddedPostgres:
    """Starts and stops one PostgreSQL server on one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = Path(data_dir).resolve()  # an orphan is known by this very spelling
        self._data = self._folder / "data"
        self._state_file = self._folder / "postgres.json"
        self._log = self._folder / "server.log"
        self._lock = FolderLock(self._folder)
        self._child: subprocess.Popen[bytes] | None = None
        self._cancel = Cancel()

    def check(self) -> None:
        """Raises `EmbeddedServiceError` when no binaries fit the data; nothing is started or written."""
        find_binaries(self._major(), self._data)

    def cancel(self) -> None:
        """A start under way, in another thread, gives up within a moment."""
        self._cancel()

    def start(self) -> PostgresEndpoint:
        """Returns when the server accepts logins; makes the cluster on first use, recovers it after a crash.

        Raises `EmbeddedServiceError` with one sentence. Data of another major version is left untouched.
        """
        if self._child is not None:
            raise RuntimeError("this embedded PostgreSQL was started already")
        binaries = find_binaries(self._major(), self._data)
        try:
            prepare_folder(self._folder)
            self._lock.take()
            user = server_user(self._data, "postgres", "nobody")
            process.stop_orphans("postgres", str(self._data), _STOP)
            self._forget_stale_pid()
            state = self._cluster_state(Cluster(self._folder, self._state_file, binaries, user, self._cancel))
            shorten_log(self._log)
            port = self._run(binaries, user, state)
        except OSError as error:
            self.stop()
            raise EmbeddedServiceError(f"PostgreSQL cannot use {self._folder}: {error}.") from error
        except BaseException:
            self.stop()
            raise
        state |= {
            "version": binaries.version,
            "major": binaries.major,
            "binaries": str(binaries.folder),
            "port": port,
        }
        if state != read_state(self._state_file):
            write_state(self._state_file, state)
        return self._endpoint(state, binaries.origin)

    def stop(self) -> None:
        """Ends the server within 10 s and lets go of the folder; harmless when nothing runs."""
        if self._child is not None:
            process.stop(self._child, _STOP)
            self._child = None
        self._lock.release()

    def _endpoint(self, state: dict[str, Any], origin: str) -> PostgresEndpoint:
        def url(role: str, database: str) -> str:
            return f"postgresql://{role}:{quote(state['passwords'][role])}@{HOST}:{state['port']}/{database}"

        return PostgresEndpoint(
            owner_url=url(OWNER, DATABASE),
            app_url=url(APP, DATABASE),
            superuser_url=url(SUPERUSER, "postgres"),
            host=HOST,
            port=state["port"],
            version=state["version"],
            binaries=origin,
            pid=self._child.pid if self._child is not None else 0,
        )

    def _major(self) -> int | None:
        """The major version that made the cluster; the cluster's own file decides, not our notes."""
        try:
            return int((self._data / "PG_VERSION").read_text().split(".")[0])
        except FileNotFoundError:
            return None
        except PermissionError:
            server_user(self._data)  # raises the sentence about the owner
            raise
        except ValueError:
            raise EmbeddedServiceError(
                f"{self._data} is not a PostgreSQL cluster; nothing was changed."
            ) from None

    def _cluster_state(self, cluster: Cluster) -> dict[str, Any]:
        """The state of the cluster: made when it is missing, with new passwords when their file was lost."""
        if not (self._data / "PG_VERSION").exists():
            return cluster.make()
        state = read_state(self._state_file)
        passwords = state.get("passwords")
        if isinstance(passwords, dict) and set(passwords) == set(ROLES):
            return state
        return cluster.renew_passwords()

    def _forget_stale_pid(self) -> None:
        """Removes a left-over pid file: PostgreSQL refuses to start while any process has the number in it.

        Safe because we hold the lock and looked for living servers; PostgreSQL still checks its shared memory.
        """
        if not process.servers_on("postgres", str(self._data)):
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, binaries: Binaries, user: ServerUser | None, state: dict[str, Any]) -> int:
        """Starts the server, on another port or again where that can help; returns the port."""
        wanted: object = [state.get("port")]
        end = time.monotonic() + _RETRY_SECONDS
        while True:
            self._cancel.check()
            port = free_ports(1, wanted=wanted)[0]
            options = [
                word
                for name, value in {**_SETTINGS, "port": str(port)}.items()
                for word in ("-c", f"{name}={value}")
            ]
            mark = self._log.stat().st_size if self._log.exists() else 0
            self._child = process.start(
                user,
                [binaries.folder / "postgres", "-D", self._data, *options],
                cwd=self._folder,
                log=self._log,
                environment=ENVIRONMENT,
                paths=[self._data, binaries.folder / "postgres"],
                death_signal="INT",
            )
            if self._wait_ready(self._child, port):
                return port
            process.stop(self._child, _STOP)
            self._child = None
            with self._log.open("rb") as file:
                file.seek(mark)
                reason = first_problem(file.read().decode(errors="replace"))
            if time.monotonic() > end:
                raise EmbeddedServiceError(
                    f"PostgreSQL does not start: {reason or last_lines(self._log)} ({self._log})"
                )
            wanted = None  # the port may have been taken in between
            time.sleep(0.3)

    def _wait_ready(self, child: subprocess.Popen[bytes], port: int) -> bool:
        """True once our own child listens and demands a password; False when it ended or takes over a minute."""
        end = time.monotonic() + _RECOVERY_SECONDS
        while time.monotonic() < end and child.poll() is None:
            self._cancel.check()
            with contextlib.suppress(OSError, IndexError):
                # pid, folder, start, port, socket, address, shared memory, state: "ready" comes with the last line
                lines = (self._data / "postmaster.pid").read_text().splitlines()
                ours = lines[0] == str(child.pid) and lines[3] == str(port) and lines[7].strip() == "ready"
                if ours and demands_scram(port):
                    return True
            time.sleep(0.02)
        return False

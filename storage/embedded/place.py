"""Where an embedded server lives: its folder, its lock, its state file, its user, its ports."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import random
import secrets
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
# Below the kernel's range for outgoing connections (32768 and up), so that no client socket takes a recorded
# port; SeaweedFS derives its gRPC port as port + 10000, which must stay below that line too.
_LOWEST_PORT, _HIGHEST_PORT, GRPC_OFFSET = 15_000, 22_767, 10_000
_LOG_LIMIT_BYTES = 5_000_000
_SEARCH_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}  # numbers of linux/capability.h


class EmbeddedServiceError(Exception):
    """An embedded server cannot be started; the message is one sentence for the operator."""


class Cancel:
    """Tells a start under way to give up: Ctrl-C must not wait for a server that takes a minute."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._end: Callable[[], None] | None = None

    def __call__(self) -> None:
        self._event.set()
        if (end := self._end) is not None:
            end()

    @contextlib.contextmanager
    def ends(self, end: Callable[[], None]) -> Iterator[None]:
        """Calls `end` when cancelled inside; raises as `check` does, before and after."""
        self._end = end
        try:
            self.check()
            yield
            self.check()
        finally:
            self._end = None

    def check(self) -> None:
        """Raises `EmbeddedServiceError` once cancelled."""
        if self._event.is_set():
            raise EmbeddedServiceError("The start of the embedded servers was interrupted.")


@dataclass(frozen=True)
class ServerUser:
    """The account a server runs as when Berkas itself runs as root."""

    name: str
    uid: int
    gid: int


def server_user(data: Path, *candidates: str) -> ServerUser | None:
    """Who the server runs as: None (as we are) unless we are root.

    The owner of existing data comes first, so that a start as root continues what a user began.
    Raises `EmbeddedServiceError` when root finds no other account, or a user finds another one's data.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise EmbeddedServiceError(
                f"The data in {data} belongs to user id {owner}: start Berkas as that user or as root, "
                "or choose another BERKAS_DATA_DIR."
            )
        return None
    names: list[str | int] = [*([owner] if owner else []), *candidates]
    for name in names:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwuid(name) if isinstance(name, int) else pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServiceError(
        f"A server may not run as root and none of the accounts {', '.join(candidates)} exists: "
        "make one, or start Berkas as an ordinary user."
    )


def closed_folder(path: Path, user: ServerUser) -> Path | None:
    """The topmost folder above `path` that `user` cannot pass through."""
    for folder in reversed(path.resolve().parents):
        facts = folder.stat()
        if facts.st_uid == user.uid:
            bit = stat.S_IXUSR
        else:
            bit = stat.S_IXGRP if facts.st_gid == user.gid else stat.S_IXOTH
        if not facts.st_mode & bit:
            return folder
    return None


def search_capability(closed: Path, user: ServerUser) -> str:
    """The least capability of ours that opens closed folders to a server.

    A container often withholds DAC_READ_SEARCH and leaves the wider DAC_OVERRIDE; for a trial in a container
    that is better than no start. Raises `EmbeddedServiceError` when we have neither.
    """
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        held = int(next(line.split()[1] for line in lines if line.startswith("CapPrm:")), 16)
        for name, number in _SEARCH_CAPABILITIES.items():
            if held >> number & 1:
                return name
    raise EmbeddedServiceError(
        f"{closed} is closed to the account {user.name}, which the server runs as: open it with "
        f"`chmod o+x {closed}`, or choose a BERKAS_DATA_DIR elsewhere."
    )


def prepare_folder(folder: Path) -> None:
    """Makes the folder of one server; its private files are 0600, so root leaves it open to be passed through."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def own_folder(folder: Path, user: ServerUser | None) -> None:
    """Makes an empty 0700 folder that belongs to the server's user."""
    folder.mkdir(mode=0o700)
    if user is not None:
        os.chown(folder, user.uid, user.gid)


def shorten_log(log: Path) -> None:
    """Begins the log anew once it has grown over 5 MB; a trial server keeps no history."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT_BYTES:
            os.truncate(log, 0)


def last_lines(log: Path, count: int = 3) -> str:
    """The end of a server's log on one line, for an error message."""
    with contextlib.suppress(FileNotFoundError):
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
        return " / ".join(line.strip() for line in lines[-count:] if line.strip())
    return ""


class FolderLock:
    """At most one Berkas uses a data folder; the kernel lets go of the lock when its holder dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises `EmbeddedServiceError` when a living Berkas holds the folder."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)  # O_CLOEXEC: servers never inherit it
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise EmbeddedServiceError(
                f"Another Berkas (process {holder or 'unknown'}) is using {self._path.parent}: stop it, "
                "or choose another BERKAS_DATA_DIR."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def held_by_someone(self) -> bool:
        """Whether a living process (this one included) holds the folder."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def read_state(path: Path) -> dict[str, Any]:
    """The server's own facts (ports, passwords); empty when the file is missing or was cut off."""
    try:
        facts = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_state(path: Path, facts: dict[str, Any]) -> None:
    """Replaces the state file (0600) in one step that survives a power cut."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_password() -> str:
    """256 random bits, safe in a URL and in SQL quotes."""
    return secrets.token_urlsafe(32)


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the port now; SO_REUSEADDR as the servers themselves use it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int, *, wanted: object = None) -> list[int]:
    """`count` ports, each free together with its companion port + 10000; `wanted` (recorded ones) if still free."""

    def free(port: int) -> bool:
        return port_is_free(port) and port_is_free(port + GRPC_OFFSET)

    if (
        isinstance(wanted, list)
        and len(wanted) == count
        and all(isinstance(p, int) and free(p) for p in wanted)
    ):
        return wanted
    return [port for _, port in zip(range(count), _candidates(free), strict=False)]


def _candidates(free: Any) -> Iterator[int]:
    for port in random.sample(range(_LOWEST_PORT, _HIGHEST_PORT), _HIGHEST_PORT - _LOWEST_PORT):
        if free(port):
            yield port

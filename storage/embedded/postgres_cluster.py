"""Makes a PostgreSQL cluster: initdb, two roles, one database; all of it before any port is open."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.embedded import process
from storage.embedded.place import (
    Cancel,
    EmbeddedServiceError,
    ServerUser,
    new_password,
    own_folder,
    sync_folder,
    write_state,
)
from storage.embedded.postgres_binaries import Binaries

DATABASE, SUPERUSER, OWNER, APP = "berkas", "postgres", "berkas_owner", "berkas_app"
ROLES = (SUPERUSER, OWNER, APP)
# Nothing of ours is inherited: PGDATA or PGPORT of the caller would change what the tools do.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Cluster:
    """One cluster in `folder`/data; its passwords go to `state_file` (0600)."""

    folder: Path
    state_file: Path
    binaries: Binaries
    user: ServerUser | None
    cancel: Cancel

    def make(self) -> dict[str, Any]:
        """Makes the cluster beside its place and moves it there last, so that a half-made one is never used.

        Returns the new state. Raises `EmbeddedServiceError` when initdb fails or the place holds something else.
        """
        data, staging, secret_file = (
            self.folder / "data",
            self.folder / "data.new",
            self.folder / "initdb.password",
        )
        if data.exists():
            raise EmbeddedServiceError(f"{data} exists but is not a PostgreSQL cluster; nothing was changed.")
        if staging.exists():
            shutil.rmtree(staging)  # an earlier first start was interrupted
        passwords = {role: new_password() for role in ROLES}
        own_folder(staging, self.user)
        try:
            self._write_secret(secret_file, passwords[SUPERUSER])
            command: list[str | Path] = [self.binaries.folder / "initdb", "-D", staging, "-U", SUPERUSER]
            command += ["--auth=scram-sha-256", f"--pwfile={secret_file}"]
            command += ["--encoding=UTF8", "--locale=C", "--data-checksums"]
            self._tool(command, cwd=staging)
        finally:
            secret_file.unlink(missing_ok=True)
        self._single_user(
            staging,
            [
                f"CREATE ROLE {OWNER} LOGIN PASSWORD '{passwords[OWNER]}'",
                f"CREATE ROLE {APP} LOGIN PASSWORD '{passwords[APP]}'",
                f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
                f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
                f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}",
            ],
        )
        state = {"passwords": passwords}
        write_state(self.state_file, state)
        staging.rename(data)  # last: from here on the cluster exists
        sync_folder(self.folder)
        return state

    def renew_passwords(self) -> dict[str, Any]:
        """Gives the roles of an existing, stopped cluster new passwords; returns the new state."""
        state = {"passwords": {role: new_password() for role in ROLES}}
        commands = [f"ALTER ROLE {role} PASSWORD '{state['passwords'][role]}'" for role in ROLES]
        self._single_user(self.folder / "data", commands)
        write_state(self.state_file, state)
        return state

    def _write_secret(self, path: Path, secret: str) -> None:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret)
        if self.user is not None:
            os.chown(path, self.user.uid, self.user.gid)

    def _single_user(self, data: Path, commands: list[str]) -> None:
        """Runs SQL in a server that listens nowhere."""
        arguments: list[str | Path] = [self.binaries.folder / "postgres", "--single", "-j", "-D", data]
        arguments += ["-c", "log_min_error_statement=panic", "-c", "log_error_verbosity=terse", "postgres"]
        # With -j a statement ends at a semicolon and an empty line.
        output = self._tool(arguments, cwd=data, stdin=";\n\n".join([*commands, ""]).encode())
        if "ERROR:" in output or "FATAL:" in output:
            raise EmbeddedServiceError(f"PostgreSQL could not set up its roles: {first_problem(output)}.")

    def _tool(self, command: list[str | Path], *, cwd: Path, stdin: bytes = b"") -> str:
        paths = [self.folder / "data", self.binaries.folder / "postgres"]
        code, output = process.run(
            self.user, command, cwd=cwd, environment=ENVIRONMENT, paths=paths, stdin=stdin, cancel=self.cancel
        )
        if code != 0:
            raise EmbeddedServiceError(f"{Path(command[0]).name} failed: {first_problem(output)}.")
        return output


def first_problem(output: str) -> str:
    """The first line of a tool's output that names a failure, without its prefix."""
    for line in output.splitlines():
        for mark in ("FATAL:", "PANIC:", "ERROR:", "error:", "setpriv:"):
            if mark in line:
                return line.partition(mark)[2].strip().rstrip(".")
    return " ".join(output.split())[-300:]

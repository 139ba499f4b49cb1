"""nginx of this machine, and ``deploy/nginx.conf`` as it stands for it."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
from pathlib import Path

from storage.embedded.place import EmbeddedServiceError

DEPLOY = Path(__file__).parents[2] / "deploy"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def nginx_here() -> Path | None:
    """On the PATH, or where Debian's package puts it, which is on root's PATH only; BERKAS_TEST_NGINX names another one."""
    found = shutil.which("nginx") or shutil.which(os.environ.get("BERKAS_TEST_NGINX") or "/usr/sbin/nginx")
    return Path(found) if found else None


def nginx_or_refused() -> Path:
    """As root it is installed where it is missing, unless BERKAS_NO_APT says no, or systemd would start it at once.

    Raises ``EmbeddedServiceError`` where there is none.
    """
    may = os.geteuid() == 0 and shutil.which("apt-get") and not os.environ.get("BERKAS_NO_APT")
    if nginx_here() is None and may and not Path("/run/systemd/system").exists():
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", "nginx"], check=False, env=quiet
        )
    found = nginx_here()
    if found is None:
        raise EmbeddedServiceError("There is no nginx: apt-get install nginx")
    return found


def written(folder: Path, *, tls: int, plain: int, replicas: list[int]) -> Path:
    """``deploy/nginx.conf`` with this machine's names, ports and places; a line that is not there any more is an error."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    behind = folder / "replicas.conf"
    behind.write_text("".join(f"server 127.0.0.1:{port} max_fails=2 fail_timeout=5s;\n" for port in replicas))
    for pattern, put in (
        (r"/etc/nginx/berkas-replicas\.conf", str(behind)),
        (r"listen 80;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ssl http2;", f"listen 127.0.0.1:{tls} ssl http2;"),
        (r"https://berkas\.example\.go\.id/", f"https://127.0.0.1:{tls}/"),
        (r"berkas\.example\.go\.id", "127.0.0.1"),
        (r"/etc/berkas/tls", str(folder)),
        (r"/var/log/nginx", str(folder)),
    ):
        text, count = re.subn(pattern, put, text)
        if not count:
            raise LookupError(f"deploy/nginx.conf has no {pattern} any more")
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    places = "\n".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    for name in TEMPORARY:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    path = folder / "nginx.conf"
    path.write_text(
        f"{user}\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n"
        f"events {{ worker_connections 512; }}\nhttp {{\n{places}\n{text}\n}}\n",
        encoding="utf-8",
    )
    return path

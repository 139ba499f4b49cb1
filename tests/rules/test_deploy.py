"""What ``deploy/`` promises: every setting is named, no secret is given, no request's address is written anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exchange.settings import Settings
from tests.deploy.nginx import nginx_here
from tests.rules.house import ROOT

DEPLOY = ROOT / "deploy"
REQUIRED = {
    "DATABASE_URL",
    "S3_ENDPOINT",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "ROOT_KEY",
    "PUBLIC_ORIGIN",
    "SITE",
}


def test_every_setting_is_named_and_nothing_else() -> None:
    text = (DEPLOY / "env.example").read_text() + (DEPLOY / "migrate.env.example").read_text()
    named = set(re.findall(r"BERKAS_([A-Z0-9_]+)", text))
    assert named == {name.upper() for name in Settings.model_fields}


def test_no_secret_has_a_sample_value() -> None:
    """Filled in or refused: an example that works is a password that everybody knows."""
    values = dict(
        re.findall(r"^BERKAS_([A-Z0-9_]+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE)
    )
    assert {name for name, value in values.items() if not value} == REQUIRED


def test_no_address_of_a_request_is_written() -> None:
    """D10: an address under /p/ or /w/ holds the code of a citizen's link."""
    text = (DEPLOY / "nginx.conf").read_text()
    lines = [line.partition("#")[0] for line in text.splitlines()]
    for name in ("$request_uri", "$uri", "$request ", "$http_referer", "$args", "$http_cookie"):
        assert not any(name in line for line in lines), name
    assert "proxy_max_temp_file_size 0;" in text
    assert "proxy_request_buffering off;" in text


@pytest.mark.skipif(nginx_here() is None, reason="no nginx here (apt-get install nginx)")
def test_nginx_takes_the_file(tmp_path: Path) -> None:
    key, chain = tmp_path / "key.pem", tmp_path / "fullchain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
         "-keyout", key, "-out", chain], check=True, capture_output=True,
    )  # fmt: skip
    text = (DEPLOY / "nginx.conf").read_text().replace("/etc/berkas/tls", str(tmp_path))
    text = text.replace("/var/log/nginx", str(tmp_path))
    text = text.replace("/etc/nginx/berkas-replicas.conf", str(DEPLOY / "nginx-replicas.conf"))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log {tmp_path}/e.log;\nevents {{}}\nhttp {{\n{text}\n}}\n")
    said = subprocess.run([str(nginx_here()), "-t", "-c", whole], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
@pytest.mark.parametrize("unit", ["berkas.service", "berkas-worker.service", "berkas-migrate.service"])
def test_systemd_takes_the_units(unit: str, tmp_path: Path) -> None:
    """With the launcher of this checkout in the place of /opt/berkas: the file must exist and be executable."""
    text = (DEPLOY / unit).read_text().replace("/opt/berkas", str(ROOT))
    (tmp_path / unit).write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit],
        capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    complaints = [line for line in said.stderr.splitlines() if unit in line]
    assert complaints == [], said.stderr

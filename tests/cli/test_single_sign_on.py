"""The extra that is optional: refused in a sentence where it cannot work, not loaded where nobody asked; link and unlink."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exchange.cli.setup import load_settings
from exchange.settings import SettingsRefused
from tests.cli.test_production import _berkas, environment
from tests.commands import berkas
from tests.rules.house import ROOT
from tests.tripwire import Tripwire

__all__ = ["environment"]

OIDC = {
    "BERKAS_OIDC_ISSUER": "https://sso.contoh.go.id/realms/mpp",
    "BERKAS_OIDC_CLIENT_ID": "berkas",
    "BERKAS_OIDC_CLIENT_SECRET": "0123456789abcdef-not-a-sample",
}
PRODUCTION = {
    "BERKAS_MODE": "production",
    "BERKAS_PUBLIC_ORIGIN": "https://berkas.example",
    "BERKAS_DATABASE_URL": "postgresql://app:0123456789abcdef@127.0.0.1:1/berkas",
    "BERKAS_S3_ENDPOINT": "https://s3.example",
    "BERKAS_S3_ACCESS_KEY": "0123456789abcdef",
    "BERKAS_S3_SECRET_KEY": "0123456789abcdef",
    "BERKAS_ROOT_KEY": "file:/run/berkas/root.key",
}
ITS_MODULES = {
    "joserfc",
    "auth.id_tokens",
    "exchange.identity_provider",
    "exchange.code_flow",
    "exchange.citizen_identity",
    "exchange.routes.inapas",
    "exchange.flows.single_sign_on",
    "exchange.routes.oidc",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"BERKAS_OIDC_ISSUER": "http://sso.contoh.go.id"}, "BERKAS_OIDC_ISSUER must be an https address"),
        (
            {"BERKAS_OIDC_ISSUER": "https://sso.contoh.go.id/?a=b"},
            "BERKAS_OIDC_ISSUER must be an https address",
        ),
        ({"BERKAS_OIDC_ISSUER": "https://"}, "BERKAS_OIDC_ISSUER must be an https address"),
        ({"BERKAS_OIDC_CLIENT_ID": ""}, "BERKAS_OIDC_CLIENT_ID"),
        ({"BERKAS_OIDC_CLIENT_SECRET": ""}, "BERKAS_OIDC_CLIENT_SECRET"),
        ({"BERKAS_OIDC_CLIENT_SECRET": "changeme"}, "BERKAS_OIDC_CLIENT_SECRET is a sample secret"),
        ({"BERKAS_OIDC_ALGS": "HS256"}, "BERKAS_OIDC_ALGS"),
        ({"BERKAS_OIDC_ALGS": "ES256 none"}, "BERKAS_OIDC_ALGS"),
        ({"BERKAS_OIDC_ALGS": ""}, "BERKAS_OIDC_ALGS"),
    ],
)
def test_it_refuses_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], words: str
) -> None:
    for name, value in (PRODUCTION | OIDC).items():
        monkeypatch.setenv(name, value)
    assert load_settings().oidc_issuer == OIDC["BERKAS_OIDC_ISSUER"]
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused, match=words) as refused:
        load_settings()
    assert "0123456789abcdef" not in str(refused.value)


def _python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_without_the_package_the_start_is_refused(environment: dict[str, str]) -> None:
    """As after `pip install berkas`: nothing of `joserfc` can be imported."""
    start = "import sys; sys.modules['joserfc'] = None; sys.argv = ['berkas', 'serve']; from exchange.cli.__main__ import main; main()"
    told = _python(start, environment | OIDC)
    assert told.returncode == 1, told.stderr
    assert told.stderr.strip().splitlines()[-1] == (
        "berkas: BERKAS_OIDC_ISSUER is set and joserfc is not installed: pip install 'berkas[oidc]'"
    )


def test_nothing_of_it_is_loaded_unasked(environment: dict[str, str]) -> None:
    """The application, its parts and the whole command line."""
    code = (
        "import asyncio, sys; sys.modules['joserfc'] = None\n"
        "import exchange.cli.commands\n"
        "from exchange.app import create_app\nfrom exchange.wiring import wired\n"
        "from exchange.settings import Settings\n"
        "async def main():\n"
        "    settings = Settings()\n"
        "    create_app(settings)\n"
        "    async with wired(settings) as parts:\n"
        "        assert parts.provider is None\n"
        "asyncio.run(main())\n"
        "print(*(name for name, module in sys.modules.items() if module is not None))\n"
    )
    ran = _python(code, environment)
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.split())
    assert "exchange.routes.session" in loaded
    assert sorted(loaded & ITS_MODULES) == []


def test_link_and_unlink(environment: dict[str, str], tmp_path: Path, log_tripwire: Tripwire) -> None:
    log_tripwire.watch(tmp_path / "serve.log")
    subject = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    with_issuer = environment | OIDC
    for words in (("site", "add", "6472", "MPP"), ("agency", "add", "DPMPTSP", "6472", "DPMPTSP")):
        assert _berkas(environment, *words).returncode == 0
    officer = ("officer", "add", "petugas.satu", "Petugas Contoh", "DPMPTSP@6472", "Loket 3")
    added = berkas(*officer, env=environment, cwd=ROOT, input="sandi yang panjang sekali\n" * 2)
    assert added.returncode == 0, added.stderr
    without = _berkas(environment, "officer", "link", "petugas.satu", subject)
    assert (without.returncode, "BERKAS_OIDC_ISSUER is not set" in without.stderr) == (1, True)
    assert _berkas(with_issuer, "officer", "link", "petugas.satu", subject).returncode == 0
    again = _berkas(with_issuer, "officer", "link", "petugas.satu", subject)
    assert again.returncode == 1
    assert "identity_exists" in again.stderr
    assert _berkas(environment, "officer", "unlink", "petugas.satu").returncode == 0, (
        "also without a provider"
    )

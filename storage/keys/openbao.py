"""The root key in OpenBao's transit engine (https://openbao.org/api-docs/secret/transit/; HashiCorp Vault speaks the same).

    openbao:https://bao.example:8200/transit/berkas?token-file=/run/berkas/bao.token&ca-file=/etc/berkas/bao-ca.pem

The path is mount and key. The key is *derived*: what a wrapped key is for goes in as its context, from which OpenBao derives the
key that encrypts it. Associated data would bind as well, but ``rewrap`` takes none, and with a context a rotation never lets a key
out. The token's file is read again when OpenBao refuses the token: an agent writes a fresh one there.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from storage.errors import RootKeyAway, RootKeyRefused, SealBroken
from storage.keys.provider import Bare, Bound, WrappedKey

TIMEOUT_S = (2.0, 5.0)  # to connect, to answer
BATCH_KEYS = 200  # OpenBao refuses a request of more than about a thousand strings; a key is four
T = TypeVar("T")


class OpenBao:
    """Calls run in one thread of its own: ``hvac`` blocks. Raises ``RootKeyRefused`` for a key that is not fit to be a root key."""

    def __init__(
        self, address: str, mount: str, name: str, *, token_file: Path, ca_file: Path | None
    ) -> None:
        try:
            import hvac
        except ImportError:
            raise RootKeyRefused(
                "OpenBao needs the extra `openbao` (pip install 'berkas[openbao]')"
            ) from None
        self._errors = hvac.exceptions
        self._mount, self._name, self._token_file = mount, name, token_file
        verify: str | bool = str(ca_file) if ca_file else True
        self._client = hvac.Client(url=address, verify=verify, timeout=TIMEOUT_S, allow_redirects=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="openbao")
        self._version = self._checked(self._asked(lambda: self._transit.read_key(name, mount_point=mount)))

    def __repr__(self) -> str:
        return f"OpenBao({self.root_key_id})"

    @classmethod
    def from_url(cls, url: str) -> OpenBao:
        parts = urlsplit(url.partition(":")[2])
        mount, _, name = parts.path.strip("/").rpartition("/")
        given = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        known = {"token-file"} <= set(given) <= {"token-file", "ca-file"}
        if not parts.netloc or not mount or not name or not known or parts.username:
            raise RootKeyRefused("OpenBao is named as openbao:https://HOST:8200/transit/KEY?token-file=/PATH")
        if parts.scheme != "https" and not (local and parts.scheme == "http"):
            raise RootKeyRefused("OpenBao is spoken to over https")
        ca_file = Path(given["ca-file"]) if "ca-file" in given else None
        if ca_file is not None and not ca_file.is_file():
            raise RootKeyRefused("OpenBao's ca-file is no file")
        return cls(
            f"{parts.scheme}://{parts.netloc}",
            mount,
            name,
            token_file=Path(given["token-file"]),
            ca_file=ca_file,
        )

    @property
    def root_key_id(self) -> str:
        return f"openbao:{self._mount}/{self._name}"

    @property
    def version(self) -> int:
        """The newest at start, or the newest that wrapped something since."""
        return self._version

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey:
        return (await self.wrap_all([Bare(plaintext, associated_data)]))[0]

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes:
        return (await self.unwrap_all([Bound(wrapped, associated_data)]))[0]

    async def wrap_all(self, bare: Sequence[Bare]) -> list[WrappedKey]:
        batch = [{"plaintext": _text(each.key), "context": _text(each.associated_data)} for each in bare]
        answers = await self._batch(self._transit.encrypt_data, batch, plaintext="")
        return [self._wrapped(answer) for answer in answers]

    async def unwrap_all(self, bound: Sequence[Bound]) -> list[bytes]:
        answers = await self._batch(self._transit.decrypt_data, self._sealed(bound), ciphertext="")
        return [base64.b64decode(answer["plaintext"]) for answer in answers]

    async def rewrap_all(self, bound: Sequence[Bound]) -> list[WrappedKey]:
        answers = await self._batch(self._transit.rewrap_data, self._sealed(bound), ciphertext="")
        return [self._wrapped(answer) for answer in answers]

    @property
    def _transit(self) -> Any:
        return self._client.secrets.transit

    def _sealed(self, bound: Sequence[Bound]) -> list[dict[str, str]]:
        if any(each.wrapped.root_key_id != self.root_key_id for each in bound):
            raise RootKeyRefused("this database was sealed under another root key")
        return [
            {
                "ciphertext": each.wrapped.blob.decode("ascii", "replace"),
                "context": _text(each.associated_data),
            }
            for each in bound
        ]

    def _wrapped(self, answer: dict[str, Any]) -> WrappedKey:
        ciphertext = str(answer["ciphertext"])
        version = int(ciphertext.split(":")[1].removeprefix("v"))
        self._version = max(self._version, version)
        return WrappedKey(self.root_key_id, version, ciphertext.encode())

    async def _batch(
        self, act: Callable[..., Any], batch: list[dict[str, str]], **unused: str
    ) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        for start in range(0, len(batch), BATCH_KEYS):
            part = batch[start : start + BATCH_KEYS]

            def call(part: list[dict[str, str]] = part) -> Any:
                return act(name=self._name, mount_point=self._mount, batch_input=part, **unused)

            answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._asked, call)
            answers += answer["data"]["batch_results"]
        if any(answer.get("error") for answer in answers):
            raise SealBroken("does not authenticate")
        return answers

    def _asked(self, call: Callable[[], T]) -> T:
        """In the provider's thread. A token that is refused is read again, once."""
        import requests

        try:
            if not self._client.token:
                self._client.token = self._read_token()
            try:
                return call()
            except self._errors.Forbidden:
                self._client.token = self._read_token()
                return call()
        except self._errors.Forbidden:
            raise RootKeyAway("OpenBao refuses the token for this key") from None
        except self._errors.InvalidPath:
            raise RootKeyRefused("OpenBao has no such mount or key") from None
        except self._errors.InvalidRequest as error:
            if any("high complexity" in str(each) for each in error.errors or ()):
                raise RootKeyAway("OpenBao takes fewer keys at once than are asked") from None
            raise SealBroken("does not authenticate") from None
        except (self._errors.VaultError, requests.RequestException):
            raise RootKeyAway("OpenBao does not answer") from None

    def _read_token(self) -> str:
        try:
            if self._token_file.stat().st_mode & 0o077:
                raise RootKeyRefused("OpenBao's token-file is open to others than its owner (chmod 400)")
            return self._token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError):
            raise RootKeyRefused("OpenBao's token-file cannot be read") from None

    def _checked(self, answer: dict[str, Any]) -> int:
        """The version that wraps. Raises ``RootKeyRefused`` unless it is an AES-256 key that is derived and stays inside."""
        key = answer["data"]
        if key["type"] != "aes256-gcm96" or not key["derived"]:
            raise RootKeyRefused("OpenBao's key must be made with type=aes256-gcm96 derived=true")
        if key["exportable"] or key["allow_plaintext_backup"]:
            raise RootKeyRefused(
                "OpenBao's key can be taken out of it (exportable or allow_plaintext_backup)"
            )
        return int(key["latest_version"])


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

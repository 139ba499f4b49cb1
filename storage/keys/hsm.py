"""The root key in an HSM or a smart card, over PKCS#11, named by a URI of RFC 7512:

    pkcs11:token=berkas;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/berkas/pin

The key is AES-256, sensitive and not extractable: wrapping happens inside (CKM_AES_GCM), in the form that ``storage.sealing`` has,
``nonce (12) || ciphertext || tag``. Another key has another label, so that a rotation brings another URI.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from storage.errors import RootKeyAway, RootKeyRefused, SealBroken
from storage.keys.provider import Bare, Bound, WrappedKey
from storage.sealing import KEY_BYTES, NONCE_BYTES

T = TypeVar("T")
_WANTED = "an HSM is named as pkcs11:token=T;object=O?module-path=/PATH&pin-source=file:/PATH"


class Hsm:
    """Calls run in one thread of its own: a session must not be shared by threads, and a device may take its time.

    Raises ``RootKeyRefused`` for a key that is not fit to be a root key.
    """

    version = 1

    def __init__(self, module: Path, token: str, label: str, pin_file: Path) -> None:
        try:
            import pkcs11
        except ImportError:
            raise RootKeyRefused("an HSM needs the extra `pkcs11` (pip install 'berkas[pkcs11]')") from None
        self._pkcs11: Any = pkcs11
        self._module, self._token, self._label, self._pin_file = module, token, label, pin_file
        self._key: Any = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pkcs11")
        self._thread.submit(self._guarded, self._opened).result()

    def __repr__(self) -> str:
        return f"Hsm({self.root_key_id})"

    @classmethod
    def from_url(cls, url: str) -> Hsm:
        """RFC 7512: path attributes with ``;`` between, query attributes with ``&``; percent-encoded."""
        path, _, query = url.partition(":")[2].partition("?")
        try:
            named = dict(part.split("=", 1) for part in path.split(";"))
            asked = dict(part.split("=", 1) for part in query.split("&"))
        except ValueError:
            raise RootKeyRefused(_WANTED) from None
        pin = unquote(asked.get("pin-source", "")).removeprefix("file:")
        if set(named) != {"token", "object"} or set(asked) != {"module-path", "pin-source"}:
            raise RootKeyRefused(_WANTED)
        return cls(
            Path(unquote(asked["module-path"])), unquote(named["token"]), unquote(named["object"]), Path(pin)
        )

    @property
    def root_key_id(self) -> str:
        return f"pkcs11:{self._token}/{self._label}"

    async def wrap(self, plaintext: bytes, associated_data: bytes) -> WrappedKey:
        return (await self.wrap_all([Bare(plaintext, associated_data)]))[0]

    async def unwrap(self, wrapped: WrappedKey, associated_data: bytes) -> bytes:
        return (await self.unwrap_all([Bound(wrapped, associated_data)]))[0]

    async def wrap_all(self, bare: Sequence[Bare]) -> list[WrappedKey]:
        def wrapped() -> list[WrappedKey]:
            return [WrappedKey(self.root_key_id, self.version, self._sealed(*each)) for each in bare]

        return await self._inside(wrapped)

    async def unwrap_all(self, bound: Sequence[Bound]) -> list[bytes]:
        if any(each.wrapped.root_key_id != self.root_key_id for each in bound):
            raise RootKeyRefused("this database was sealed under another root key")
        return await self._inside(
            lambda: [self._unsealed(each.wrapped.blob, each.associated_data) for each in bound]
        )

    async def rewrap_all(self, bound: Sequence[Bound]) -> list[WrappedKey]:
        keys = await self.unwrap_all(bound)
        return await self.wrap_all(
            [Bare(key, each.associated_data) for key, each in zip(keys, bound, strict=True)]
        )

    def _sealed(self, plain: bytes, associated_data: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + bytes(self._key.encrypt(plain, **self._gcm(nonce, associated_data)))

    def _unsealed(self, blob: bytes, associated_data: bytes) -> bytes:
        nonce, sealed = blob[:NONCE_BYTES], blob[NONCE_BYTES:]
        try:
            return bytes(self._key.decrypt(sealed, **self._gcm(nonce, associated_data)))
        except (
            self._pkcs11.EncryptedDataInvalid,
            self._pkcs11.EncryptedDataLenRange,
            self._pkcs11.ArgumentsBad,
            self._pkcs11.GeneralError,  # what SoftHSM2 answers when the tag does not fit
        ):
            raise SealBroken("does not authenticate") from None

    def _gcm(self, nonce: bytes, associated_data: bytes) -> dict[str, Any]:
        parameters = self._pkcs11.GCMParams(nonce, associated_data, 128)
        return {"mechanism": self._pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}

    async def _inside(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, act)

    def _guarded(self, act: Callable[[], T]) -> T:
        """In the thread. A session that ended is opened again, once."""
        ended = (
            self._pkcs11.SessionHandleInvalid,
            self._pkcs11.SessionClosed,
            self._pkcs11.UserNotLoggedIn,
            self._pkcs11.ObjectHandleInvalid,
            self._pkcs11.KeyHandleInvalid,
        )
        try:
            try:
                return act()
            except ended:
                self._opened()
                return act()
        except (self._pkcs11.PinIncorrect, self._pkcs11.PinInvalid, self._pkcs11.PinLocked):
            raise RootKeyRefused("the HSM refuses the PIN") from None
        except (self._pkcs11.NoSuchKey, self._pkcs11.MultipleObjectsReturned):
            raise RootKeyRefused("the HSM has no such key, or several of this label") from None
        except self._pkcs11.PKCS11Error as error:
            raise RootKeyAway(f"the HSM does not answer ({type(error).__name__})") from None

    def _opened(self) -> None:
        """Open a session and find the key, fit to be a root key."""
        if not self._module.is_file():
            raise RootKeyRefused("the HSM's module-path is no file")
        token = self._pkcs11.lib(str(self._module)).get_token(token_label=self._token)
        pin = self._pin()
        try:
            session = token.open(user_pin=pin)
        except self._pkcs11.UserAlreadyLoggedIn:  # who signed in is the process: another session of it has
            session = token.open()
        key = session.get_key(
            object_class=self._pkcs11.ObjectClass.SECRET_KEY,
            key_type=self._pkcs11.KeyType.AES,
            label=self._label,
        )
        attribute = self._pkcs11.Attribute
        if (
            key[attribute.VALUE_LEN] != KEY_BYTES
            or key[attribute.EXTRACTABLE]
            or not key[attribute.SENSITIVE]
        ):
            raise RootKeyRefused("the HSM's key must be AES-256, sensitive and not extractable")
        self._key = key

    def _pin(self) -> str:
        try:
            if self._pin_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise RootKeyRefused("the HSM's PIN file is open to others than its owner (chmod 400)")
            return self._pin_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError):
            raise RootKeyRefused("the HSM's PIN file cannot be read") from None

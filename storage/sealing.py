"""AEAD has one door. Documents rest in Tink's streaming format AES256-GCM-HKDF with 1 MB segments, written with
``cryptography`` (``protocols.md`` 8; the ``tink`` library is the test oracle in both directions):

    object  = header || segment_0 || segment_1 || ...
    header  = 0x28 (its length, 40) || salt (32 bytes) || nonce prefix (7 bytes)
    key     = HKDF-SHA256(ikm = data key, salt = salt, info = associated data), 32 bytes
    segment = AES-256-GCM(key, nonce = prefix || uint32_be(number) || last (0 or 1), plaintext, no AAD)

A segment is 1,048,576 bytes of ciphertext; the first is shorter by the header. The associated data binds an object to
its document and version, the number and the last flag bind a segment to its place, so that nothing can be swapped,
reordered, cut off or appended.

    wrap    = nonce (12 bytes) || AES-256-GCM(key, plaintext, associated data)
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import SealBroken

KEY_BYTES = 32
SEGMENT_BYTES = 1_048_576
HEADER_BYTES = 40
TAG_BYTES = 16
NONCE_BYTES = 12
_SALT_BYTES = 32
_PREFIX_BYTES = 7
_FIRST_PLAIN = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
_PLAIN = SEGMENT_BYTES - TAG_BYTES


def new_data_key() -> bytes:
    return os.urandom(KEY_BYTES)


def sealed_size(plain_size: int) -> int:
    """Bytes of the sealed object for ``plain_size`` bytes of plaintext."""
    segments = 1 if plain_size <= _FIRST_PLAIN else 1 + -(-(plain_size - _FIRST_PLAIN) // _PLAIN)
    return HEADER_BYTES + plain_size + segments * TAG_BYTES


class Sealer:
    """Seals a stream in constant memory. ``header`` is for frozen vectors only: never reuse salt and prefix."""

    def __init__(self, data_key: bytes, associated_data: bytes, *, header: bytes | None = None) -> None:
        salt_and_prefix = header[1:] if header else os.urandom(_SALT_BYTES + _PREFIX_BYTES)
        self._header = bytes([HEADER_BYTES]) + salt_and_prefix
        self._cipher = _segment_cipher(data_key, self._header, associated_data)
        self._prefix = self._header[1 + _SALT_BYTES :]
        self._waiting = bytearray()
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Full segments; the last one is kept back, since only ``finish`` knows that it is the last."""
        self._waiting += chunk
        while len(self._waiting) > (room := _FIRST_PLAIN if self._number == 0 else _PLAIN):
            part = bytes(self._waiting[:room])
            del self._waiting[:room]
            yield self._segment(part, last=False)

    def finish(self) -> Iterator[bytes]:
        yield self._segment(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _segment(self, plain: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), plain, None)
        self._number += 1
        return self._header + sealed if self._number == 1 else sealed


def seal(data_key: bytes, associated_data: bytes, plain: bytes) -> bytes:
    sealer = Sealer(data_key, associated_data)
    return b"".join([*sealer.feed(plain), *sealer.finish()])


class Opener:
    """Opens a stream of known length; gives out authenticated plaintext only."""

    def __init__(self, data_key: bytes, associated_data: bytes, sealed_size_bytes: int) -> None:
        self._key = data_key
        self._associated = associated_data
        self._left = sealed_size_bytes
        self._waiting = bytearray()
        self._cipher: AESGCM | None = None
        self._prefix = b""
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Raises ``SealBroken`` before any byte of a bad segment is given out."""
        self._waiting += chunk
        self._left -= len(chunk)
        if self._left < 0:
            raise SealBroken("longer than it was stored")
        if self._cipher is None:
            if len(self._waiting) < HEADER_BYTES:
                return
            self._start()
        while len(self._waiting) > (size := SEGMENT_BYTES - HEADER_BYTES if self._number == 0 else SEGMENT_BYTES):
            part = bytes(self._waiting[:size])
            del self._waiting[:size]
            yield self._opened(part, last=False)

    def finish(self) -> Iterator[bytes]:
        """Raises ``SealBroken`` when the object was cut off."""
        if self._left or self._cipher is None:
            raise SealBroken("shorter than it was stored")
        yield self._opened(bytes(self._waiting), last=True)

    def _start(self) -> None:
        header = bytes(self._waiting[:HEADER_BYTES])
        del self._waiting[:HEADER_BYTES]
        self._cipher = _segment_cipher(self._key, header, self._associated)
        self._prefix = header[1 + _SALT_BYTES :]

    def _opened(self, part: bytes, *, last: bool) -> bytes:
        assert self._cipher is not None  # noqa: S101 - set by _start
        plain = _decrypted(self._cipher, _nonce(self._prefix, self._number, last=last), part)
        self._number += 1
        return plain


def open_whole(data_key: bytes, associated_data: bytes, sealed: bytes) -> bytes:
    """Open a sealed object that is in memory. Raises ``SealBroken``."""
    if len(sealed) <= SEGMENT_BYTES:
        if len(sealed) < HEADER_BYTES + TAG_BYTES:
            raise SealBroken("shorter than a header")
        cipher = _segment_cipher(data_key, sealed[:HEADER_BYTES], associated_data)
        nonce = _nonce(sealed[1 + _SALT_BYTES : HEADER_BYTES], 0, last=True)
        return _decrypted(cipher, nonce, memoryview(sealed)[HEADER_BYTES:])
    opener = Opener(data_key, associated_data, len(sealed))
    return b"".join([*opener.feed(sealed), *opener.finish()])


def wrap(key: bytes, plain: bytes, associated_data: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated_data)


def unwrap(key: bytes, wrapped: bytes, associated_data: bytes) -> bytes:
    """Raises ``SealBroken``."""
    if len(wrapped) < NONCE_BYTES + TAG_BYTES:
        raise SealBroken("too short")
    try:
        return AESGCM(key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], associated_data)
    except InvalidTag:
        raise SealBroken("does not authenticate") from None


def document_ad(site: str, document_id: str, version: int) -> bytes:
    return f"berkas-doc|{site}|{document_id}|{version}".encode()


def kek_ad(citizen: str) -> bytes:
    return f"berkas-kek|{citizen}".encode()


def dek_ad(document_id: str, version: int, kek_id: str) -> bytes:
    return f"berkas-dek|{document_id}|{version}|{kek_id}".encode()


def event_ad(item_id: str, part: int) -> bytes:
    return f"berkas-event|{item_id}|{part}".encode()


def _segment_cipher(data_key: bytes, header: bytes, associated_data: bytes) -> AESGCM:
    if len(data_key) != KEY_BYTES or header[0] != HEADER_BYTES:
        raise SealBroken("not a sealed object")
    salt = header[1 : 1 + _SALT_BYTES]
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, associated_data).derive(data_key))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _decrypted(cipher: AESGCM, nonce: bytes, part: bytes | memoryview) -> bytes:
    try:
        return cipher.decrypt(nonce, part, None)
    except InvalidTag:
        raise SealBroken("a segment does not authenticate") from None

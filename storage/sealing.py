"""AEAD has one door.

Documents rest in Tink's streaming format AES256-GCM-HKDF with 1 MB segments, written with
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

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
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


def permuted(key: bytes, block: bytes, *, back: bool = False) -> bytes:
    """16 bytes as 16 others, one to one: a name that only the holder of ``key`` can turn into the other. Not for contents."""
    # One block under a key that is used for nothing else: the bare permutation is what is wanted, and there is no mode to choose.
    cipher = Cipher(AES256(key), ECB())  # noqa: S305 - see above
    turned = cipher.decryptor() if back else cipher.encryptor()
    return turned.update(block) + turned.finalize()


def sealed_size(plain_size: int) -> int:
    """Bytes of the sealed object for ``plain_size`` bytes of plaintext."""
    segments = 1 if plain_size <= _FIRST_PLAIN else 1 + -(-(plain_size - _FIRST_PLAIN) // _PLAIN)
    return HEADER_BYTES + plain_size + segments * TAG_BYTES


class Sealer:
    """Seals a stream in constant memory (one segment waits): ``feed`` every chunk, then ``finish`` once.

    ``header`` (40 bytes) is for frozen vectors only: salt and prefix are fresh for every object.
    """

    def __init__(self, data_key: bytes, associated_data: bytes, *, header: bytes | None = None) -> None:
        self._header = header or bytes([HEADER_BYTES]) + os.urandom(_SALT_BYTES + _PREFIX_BYTES)
        self._cipher = _segment_cipher(data_key, self._header, associated_data)
        self._waiting = bytearray()
        self._number = 0
        self._headed = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The header before anything else, then each full segment.

        A segment that is just full is kept back: only what follows, or ``finish``, tells whether it is the last.
        """
        self._waiting += chunk
        parts = self._head()
        while len(self._waiting) > (room := _plain_room(self._number)):
            parts.append(self._segment(room, last=False))
        return parts

    def finish(self) -> list[bytes]:
        """The last segment; an empty document has one too, so that its truncation shows."""
        return [*self._head(), self._segment(len(self._waiting), last=True)]

    def _head(self) -> list[bytes]:
        if self._headed:
            return []
        self._headed = True
        return [self._header]

    def _segment(self, size: int, *, last: bool) -> bytes:
        nonce = _nonce(self._header, self._number, last=last)
        with memoryview(self._waiting) as waiting, waiting[:size] as plain:  # no copy of a megabyte
            sealed = self._cipher.encrypt(nonce, plain, None)
        del self._waiting[:size]
        self._number += 1
        return sealed


class Opener:
    """Opens an object of known sealed length, segment by segment; gives out authenticated plaintext only.

    The parts are the object's own: ``SEGMENT_BYTES`` each, the header in the first, the last one shorter.
    """

    def __init__(self, data_key: bytes, associated_data: bytes, sealed_size_bytes: int) -> None:
        self._key = data_key
        self._associated = associated_data
        self._left = sealed_size_bytes
        self._header = b""
        self._cipher: AESGCM | None = None
        self._number = 0

    def open(self, part: bytes | bytearray | memoryview) -> bytes:
        """Raises ``SealBroken`` before any byte of a bad segment is given out; then nothing is given out any more."""
        expected_bytes, self._left = self._left, -1
        if len(part) != min(SEGMENT_BYTES, expected_bytes):
            raise SealBroken("a part of another length than was stored")
        segment = memoryview(part)
        if self._cipher is None:
            self._header, segment = bytes(segment[:HEADER_BYTES]), segment[HEADER_BYTES:]
            self._cipher = _segment_cipher(self._key, self._header, self._associated)
        nonce = _nonce(self._header, self._number, last=len(part) == expected_bytes)
        plain = _decrypted(self._cipher, nonce, segment)
        self._left = expected_bytes - len(part)
        self._number += 1
        return plain

    def finish(self) -> None:
        """Raises ``SealBroken`` when the object was cut off, at a segment's border too."""
        if self._left or self._cipher is None:
            raise SealBroken("shorter than it was stored")


def seal(data_key: bytes, associated_data: bytes, plain: bytes, *, header: bytes | None = None) -> bytes:
    """The whole sealed object of a document that is in memory; ``header`` as in ``Sealer``."""
    sealer = Sealer(data_key, associated_data, header=header)
    return b"".join([*sealer.feed(plain), *sealer.finish()])


def open_whole(data_key: bytes, associated_data: bytes, sealed: bytes | bytearray) -> bytes:
    """Open a sealed object that is in memory, all or nothing. Raises ``SealBroken``.

    The hot path: 300 KB take about 40 us, key derivation included, so it runs on the event loop (a hop to a thread
    costs more). One segment is decrypted from where it lies; ``decrypt_into`` would save 3 us and leave unauthenticated
    bytes in its buffer.
    """
    opener = Opener(data_key, associated_data, len(sealed))
    view = memoryview(sealed)
    if len(sealed) <= SEGMENT_BYTES:
        return opener.open(view)
    return b"".join(
        [opener.open(view[start : start + SEGMENT_BYTES]) for start in range(0, len(sealed), SEGMENT_BYTES)]
    )


def wrap(key: bytes, plain: bytes, associated_data: bytes) -> bytes:
    """``nonce (12) || AES-256-GCM``: for keys and small fields, each under a fresh random nonce."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_whole_key(key)).encrypt(nonce, plain, associated_data)


def unwrap(key: bytes, wrapped: bytes, associated_data: bytes) -> bytes:
    """Raises ``SealBroken``."""
    if len(wrapped) < NONCE_BYTES + TAG_BYTES:
        raise SealBroken("too short")
    try:
        return AESGCM(_whole_key(key)).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], associated_data)
    except InvalidTag:
        raise SealBroken("does not authenticate") from None


def document_ad(site: str, document_id: str, version: int) -> bytes:
    """What an object is bound to."""
    return _bound("berkas-doc", site, document_id, str(version))


def kek_ad(citizen: str) -> bytes:
    """What a citizen's document key is bound to, under the root key."""
    return _bound("berkas-kek", citizen)


def trail_ad(citizen: str) -> bytes:
    """What a citizen's trail key is bound to, under the root key."""
    return _bound("berkas-trail", citizen)


def dek_ad(document_id: str, version: int, kek_id: str) -> bytes:
    """What a version's data key is bound to, under the citizen's document key."""
    return _bound("berkas-dek", document_id, str(version), kek_id)


def event_ad(item_id: str, part: int) -> bytes:
    """What a sealed part of a ledger entry is bound to, under the citizen's trail key."""
    return _bound("berkas-event", item_id, str(part))


def _bound(*parts: str) -> bytes:
    """Parts joined by a bar, which none of them may hold: two different names must not read the same."""
    if any("|" in part for part in parts):
        raise ValueError("a name that is sealed in must not hold a bar")
    return "|".join(parts).encode()


def _whole_key(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:  # AESGCM would take 16 and 24 bytes too, and be AES-128
        raise ValueError("a key has 32 bytes")
    return key


def _segment_cipher(data_key: bytes, header: bytes, associated_data: bytes) -> AESGCM:
    """The object's own cipher. Raises ``SealBroken`` for a header that is none."""
    if len(header) != HEADER_BYTES or header[0] != HEADER_BYTES:
        raise SealBroken("not a sealed object")
    salt = header[1 : 1 + _SALT_BYTES]
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, associated_data).derive(_whole_key(data_key)))


def _plain_room(number: int) -> int:
    """Plaintext bytes that segment ``number`` holds."""
    return _FIRST_PLAIN if number == 0 else _PLAIN


def _nonce(header: bytes, number: int, *, last: bool) -> bytes:
    return header[1 + _SALT_BYTES :] + number.to_bytes(4, "big") + bytes([last])


def _decrypted(cipher: AESGCM, nonce: bytes, part: bytes | memoryview) -> bytes:
    try:
        return cipher.decrypt(nonce, part, None)
    except InvalidTag:
        raise SealBroken("a segment does not authenticate") from None

"""Sealing against the ``tink`` library in both directions, and everything that must not open (P9, I8)."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import pytest
import tink
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from storage.errors import SealBroken
from storage.sealing import (
    HEADER_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    Opener,
    Sealer,
    document_ad,
    new_data_key,
    open_whole,
    seal,
    sealed_size,
    unwrap,
    wrap,
)

AD = document_ad("6472", "d_01JD0000000000000000000000", 3)
FIRST = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
NEXT = SEGMENT_BYTES - TAG_BYTES
SIZES = [
    0, 1, 300_000, FIRST - 1, FIRST, FIRST + 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, FIRST + NEXT,
    FIRST + NEXT + 1, 3 * SEGMENT_BYTES + 17,
]  # fmt: skip
VECTORS = Path(__file__).parents[1] / "vectors" / "sealing.json"

streaming_aead.register()


def _tink(key: bytes) -> streaming_aead.StreamingAead:
    """The same key as a RAW AesGcmHkdfStreamingKey keyset."""
    message = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        key_value=key,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT_BYTES, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add()
    entry.key_id, entry.status, entry.output_prefix_type = 1, tink_pb2.ENABLED, tink_pb2.RAW
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = message.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


class _Kept(io.BytesIO):
    def close(self) -> None:
        self.kept = self.getvalue()
        super().close()


def _opened(key: bytes, sealed: bytes, chunk: int = 65_536, size: int | None = None) -> bytes:
    opener = Opener(key, AD, len(sealed) if size is None else size)
    parts: list[bytes] = []
    for start in range(0, len(sealed), chunk):
        parts += opener.feed(sealed[start : start + chunk])
    return b"".join([*parts, *opener.finish()])


@pytest.mark.parametrize("size", SIZES)
def test_both_directions(size: int) -> None:
    """What we seal, tink opens; what tink seals, we open, whole and as a stream."""
    key, plain = new_data_key(), os.urandom(size)
    ours = seal(key, AD, plain)
    assert len(ours) == sealed_size(size)
    with _tink(key).new_decrypting_stream(io.BytesIO(ours), AD) as stream:
        assert stream.read() == plain
    sink = _Kept()
    with _tink(key).new_encrypting_stream(sink, AD) as stream:
        stream.write(plain)
    theirs = sink.kept
    assert len(theirs) == sealed_size(size)
    assert open_whole(key, AD, theirs) == plain
    assert _opened(key, theirs) == plain
    assert _opened(key, ours, chunk=1_000_003) == plain


@pytest.mark.parametrize("chunk", [1, 4096, FIRST, SEGMENT_BYTES + 7])
def test_the_chunks_do_not_matter(chunk: int) -> None:
    key = new_data_key()
    plain = os.urandom(20_000 if chunk == 1 else 2 * SEGMENT_BYTES + 5)
    sealer = Sealer(key, AD)
    parts: list[bytes] = []
    for start in range(0, len(plain), chunk):
        parts += sealer.feed(plain[start : start + chunk])
    assert open_whole(key, AD, b"".join([*parts, *sealer.finish()])) == plain


def test_nothing_of_a_bad_segment_is_released() -> None:
    """A flip in the third segment: the first two are given out, the third never, not one byte."""
    key, plain = new_data_key(), os.urandom(3 * SEGMENT_BYTES)
    sealed = bytearray(seal(key, AD, plain))
    sealed[2 * SEGMENT_BYTES + 5] ^= 1
    opener = Opener(key, AD, len(sealed))
    released = b""
    with pytest.raises(SealBroken):
        for start in range(0, len(sealed), 100_000):
            for part in opener.feed(bytes(sealed[start : start + 100_000])):
                released += part
    assert released == plain[: FIRST + NEXT]


def _spoiled() -> dict[str, bytes]:
    key = b"k" * 32
    plain = os.urandom(2 * SEGMENT_BYTES + 100)
    good = seal(key, AD, plain)
    one, two, three = good[:SEGMENT_BYTES], good[SEGMENT_BYTES : 2 * SEGMENT_BYTES], good[2 * SEGMENT_BYTES :]
    other = seal(key, AD, plain)
    return {
        "flipped header": bytes([good[0] ^ 1]) + good[1:],
        "flipped salt": good[:5] + bytes([good[5] ^ 1]) + good[6:],
        "flipped nonce prefix": good[:35] + bytes([good[35] ^ 1]) + good[36:],
        "flipped first byte": good[:40] + bytes([good[40] ^ 1]) + good[41:],
        "flipped last byte": good[:-1] + bytes([good[-1] ^ 1]),
        "cut in a segment": good[:-50],
        "cut at a segment": one + two,
        "cut to the header": good[:40],
        "cut to nothing": b"",
        "half a header": good[:20],
        "swapped segments": two + one + three,
        "repeated segment": one + two + two + three,
        "left out segment": one + three,
        "segment of another object": one + other[SEGMENT_BYTES : 2 * SEGMENT_BYTES] + three,
        "header of another object": other[:40] + good[40:],
        "surplus": good + b"x",
        "surplus of a tag": good + bytes(16),
    }


@pytest.mark.parametrize("name", list(_spoiled()))
def test_what_does_not_open(name: str) -> None:
    sealed = _spoiled()[name]
    key = b"k" * 32
    with pytest.raises(SealBroken):
        open_whole(key, AD, sealed)
    with pytest.raises(SealBroken):
        _opened(key, sealed)


def test_longer_or_shorter_than_it_was_stored() -> None:
    """The database knows the length; a store that sends more or less is found out even if every tag fits."""
    key = new_data_key()
    sealed = seal(key, AD, b"x" * 1000)
    with pytest.raises(SealBroken):
        _opened(key, sealed, size=len(sealed) - 1)
    with pytest.raises(SealBroken):
        _opened(key, sealed, size=len(sealed) + 1)


@pytest.mark.parametrize(
    "wrong",
    [
        document_ad("6472", "d_01JD0000000000000000000000", 4),
        document_ad("6472", "d_01JD0000000000000000000001", 3),
        document_ad("6471", "d_01JD0000000000000000000000", 3),
        b"",
    ],
)
def test_bound_to_its_document(wrong: bytes) -> None:
    """A ciphertext cannot move to another version, document or site."""
    key = new_data_key()
    with pytest.raises(SealBroken):
        open_whole(key, wrong, seal(key, AD, b"content"))
    with pytest.raises(SealBroken):
        open_whole(new_data_key(), AD, seal(key, AD, b"content"))


def test_wraps() -> None:
    key, data_key = new_data_key(), new_data_key()
    wrapped = wrap(key, data_key, b"berkas-dek|d_1|1|k")
    assert unwrap(key, wrapped, b"berkas-dek|d_1|1|k") == data_key
    for bad, ad in ((wrapped, b"berkas-dek|d_1|2|k"), (wrapped[:-1], b"berkas-dek|d_1|1|k"), (b"", b"")):
        with pytest.raises(SealBroken):
            unwrap(key, bad, ad)
    assert wrap(key, data_key, b"") != wrap(key, data_key, b"")


def test_frozen_vectors() -> None:
    """The bytes of the format; ``vectors/sealing.json`` changes only with a new format."""
    for vector in json.loads(VECTORS.read_text()):
        key, header = bytes.fromhex(vector["key"]), bytes.fromhex(vector["header"])
        plain = bytes(index % 251 for index in range(vector["size"]))
        sealer = Sealer(key, vector["associated_data"].encode(), header=header)
        sealed = b"".join([*sealer.feed(plain), *sealer.finish()])
        assert hashlib.sha256(sealed).hexdigest() == vector["sealed_sha256"]
        if "sealed" in vector:
            assert sealed.hex() == vector["sealed"]
        assert open_whole(key, vector["associated_data"].encode(), sealed) == plain

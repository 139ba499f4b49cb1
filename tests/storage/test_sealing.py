"""Sealed objects: Tink's format in both directions, frozen bytes, and every way to spoil one."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import tink
from hypothesis import given, settings
from hypothesis import strategies as st
from tink import cleartext_keyset_handle, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from storage.errors import SealBroken
from storage.sealing import (
    HEADER_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    Opener,
    Sealer,
    dek_ad,
    document_ad,
    event_ad,
    kek_ad,
    new_data_key,
    open_whole,
    seal,
    sealed_size,
    unwrap,
    wrap,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sealing.json").read_text())
KEY = bytes(range(100, 132))
AD = document_ad("6472", "d_01JD7XKQ8M3V5T9B2C4D6E8F0G", 1)
FIRST = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES  # 1,048,520: what the first segment holds
NEXT = SEGMENT_BYTES - TAG_BYTES
SIZES = sorted(
    {0, 1, 300_000, FIRST - 1, FIRST, FIRST + 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1}
    | {FIRST + NEXT, FIRST + NEXT + 1, 3 * SEGMENT_BYTES + 17}
)
THREE = FIRST + NEXT + 1000  # three segments, the last one short

streaming_aead.register()


def plain_of(size: int) -> bytes:
    """Bytes that differ everywhere and are the same in every run."""
    return hashlib.shake_256(b"berkas").digest(size)


def oracle(key: bytes) -> streaming_aead.StreamingAead:
    """Tink's own implementation under the same key, as a RAW keyset."""
    proto = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, key_value=key)
    proto.params.ciphertext_segment_size = SEGMENT_BYTES
    proto.params.derived_key_size = 32
    proto.params.hkdf_hash_type = common_pb2.SHA256
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = proto.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    reader = tink.BinaryKeysetReader(keyset.SerializeToString())
    return cleartext_keyset_handle.read(reader).primitive(streaming_aead.StreamingAead)


def sealed_by_tink(plain: bytes, key: bytes = KEY, associated_data: bytes = AD) -> bytes:
    kept = io.BytesIO()
    kept.close = lambda: None  # type: ignore[method-assign]
    with oracle(key).new_encrypting_stream(kept, associated_data) as stream:
        stream.write(plain)
    return kept.getvalue()


def opened_by_tink(sealed: bytes, key: bytes = KEY, associated_data: bytes = AD) -> bytes:
    with oracle(key).new_decrypting_stream(io.BytesIO(sealed), associated_data) as stream:
        return bytes(stream.read())


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def segments(sealed: bytes | bytearray) -> list[bytes]:
    return [bytes(sealed[at : at + SEGMENT_BYTES]) for at in range(0, len(sealed), SEGMENT_BYTES)]


def streamed(sealed: bytes, key: bytes = KEY, ad: bytes = AD) -> bytes:
    opener = Opener(key, ad, len(sealed))
    plain = b"".join([opener.open(part) for part in segments(sealed)])
    opener.finish()
    return plain


def released(opener: Opener, parts: Iterable[bytes]) -> bytes:
    """What was given out before ``SealBroken``; fails when nothing is wrong."""
    out = bytearray()
    with pytest.raises(SealBroken):
        for part in parts:
            out += opener.open(part)
        opener.finish()
    return bytes(out)


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_what_we_seal_and_we_open_what_tink_seals(size: int) -> None:
    plain = plain_of(size)
    ours, theirs = seal(KEY, AD, plain), sealed_by_tink(plain)
    assert len(ours) == len(theirs) == sealed_size(size)
    assert opened_by_tink(ours) == plain
    assert open_whole(KEY, AD, theirs) == plain
    assert streamed(theirs) == plain


@given(
    size=st.one_of(st.integers(0, 3000), st.integers(FIRST - 3, FIRST + 3), st.integers(THREE, THREE + 3)),
    cuts=st.lists(st.integers(0, THREE), max_size=6),
    key=st.binary(min_size=32, max_size=32),
    ad=st.binary(max_size=80),
)
@settings(max_examples=60, deadline=None)
def test_any_cutting_into_chunks_gives_the_same(size: int, cuts: list[int], key: bytes, ad: bytes) -> None:
    plain = plain_of(size)
    sealer = Sealer(key, ad)
    sealed = b"".join([*(p for chunk in pieces(plain, cuts) for p in sealer.feed(chunk)), *sealer.finish()])
    assert len(sealed) == sealed_size(size)
    assert opened_by_tink(sealed, key, ad) == plain
    assert streamed(sealed, key, ad) == plain


@pytest.mark.parametrize("vector", VECTORS["objects"], ids=lambda v: v["name"])
def test_frozen_objects(vector: dict[str, str | int]) -> None:
    """The bytes may not change: objects are never rewritten, and other programs read them."""
    key, header, ad = (bytes.fromhex(str(vector[name])) for name in ("key", "header", "associated_data"))
    plain = plain_of(int(vector["plain_size"]))
    sealed = seal(key, ad, plain, header=header)
    assert hashlib.sha256(sealed).hexdigest() == vector["sealed_sha256"]
    if "sealed" in vector:
        assert sealed == base64.b64decode(str(vector["sealed"]))
    assert open_whole(key, ad, sealed) == plain
    assert opened_by_tink(sealed, key, ad) == plain


@pytest.mark.parametrize("vector", VECTORS["broken"], ids=lambda v: v["name"])
def test_frozen_broken_objects(vector: dict[str, str]) -> None:
    key, ad = bytes.fromhex(vector["key"]), bytes.fromhex(vector["associated_data"])
    sealed = base64.b64decode(vector["sealed"])
    with pytest.raises(SealBroken):
        open_whole(key, ad, sealed)
    with pytest.raises(SealBroken):
        streamed(sealed, key=key, ad=ad)


@pytest.mark.parametrize("vector", VECTORS["wrapped"], ids=lambda v: v["name"])
def test_frozen_wrapped_keys(vector: dict[str, str]) -> None:
    key, wrapped, ad = (bytes.fromhex(vector[name]) for name in ("key", "wrapped", "associated_data"))
    assert unwrap(key, wrapped, ad) == bytes.fromhex(vector["plain"])


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_every_flipped_bit_of_a_small_object_is_refused(size: int) -> None:
    sealed = seal(KEY, AD, plain_of(size))
    for at in (*range(HEADER_BYTES + TAG_BYTES), len(sealed) // 2, len(sealed) - 1):
        spoilt = bytearray(sealed)
        spoilt[at] ^= 1 << at % 8
        with pytest.raises(SealBroken):
            open_whole(KEY, AD, bytes(spoilt))
        assert released(Opener(KEY, AD, len(spoilt)), [bytes(spoilt)]) == b""


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_no_byte_of_a_flipped_segment_is_released(segment: int) -> None:
    plain = plain_of(THREE)
    sealed = bytearray(seal(KEY, AD, plain))
    sealed[min(segment * SEGMENT_BYTES + 900, len(sealed) - 1)] ^= 1
    before = plain[: [0, FIRST, FIRST + NEXT][segment]]
    assert released(Opener(KEY, AD, len(sealed)), segments(sealed)) == before
    with pytest.raises(SealBroken):
        open_whole(KEY, AD, bytes(sealed))


@pytest.mark.parametrize(
    "kept", [0, 1, 39, 40, 41, 55, 56, SEGMENT_BYTES - 1, SEGMENT_BYTES, 2 * SEGMENT_BYTES, -1]
)
def test_truncated_is_refused_at_a_segments_border_too(kept: int) -> None:
    plain = plain_of(THREE)
    whole = seal(KEY, AD, plain)
    cut = whole[:kept]
    with pytest.raises(SealBroken):
        open_whole(KEY, AD, cut)
    # Only whole segments are given out, never a part of one; and not the last of them when the row was changed with the
    # object, for then its flag is missing.
    full = len(cut) // SEGMENT_BYTES
    for stored_size, count in ((len(whole), full), (len(cut), (len(cut) - 1) // SEGMENT_BYTES)):
        before = plain[: [0, FIRST, FIRST + NEXT][max(0, count)]]
        assert released(Opener(KEY, AD, stored_size), segments(cut)) == before


def test_swapped_repeated_dropped_and_foreign_segments_are_refused() -> None:
    plain = plain_of(THREE)
    whole, other = seal(KEY, AD, plain), seal(KEY, AD, plain)
    a, b, c = whole[:SEGMENT_BYTES], whole[SEGMENT_BYTES : 2 * SEGMENT_BYTES], whole[2 * SEGMENT_BYTES :]
    four = seal(KEY, AD, plain_of(FIRST + 2 * NEXT + 5))
    d = [four[at : at + SEGMENT_BYTES] for at in range(0, len(four), SEGMENT_BYTES)]
    for spoilt in (
        d[0] + d[2] + d[1] + d[3],  # reordered
        a + b + b + c,  # repeated
        a + c,  # dropped
        a + other[SEGMENT_BYTES : 2 * SEGMENT_BYTES] + c,  # of another object under the same key
        a + b + c + c,  # appended
        whole[:HEADER_BYTES] + other[HEADER_BYTES:],  # another object's segments under this header
    ):
        with pytest.raises(SealBroken):
            open_whole(KEY, AD, spoilt)
        for stored_size in (len(whole), len(spoilt)):
            out = released(Opener(KEY, AD, stored_size), segments(spoilt))
            originals = (plain, plain_of(FIRST + 2 * NEXT + 5))
            assert any(out in {p[:0], p[:FIRST], p[: FIRST + NEXT], p[: FIRST + 2 * NEXT]} for p in originals)


@pytest.mark.parametrize("extra", [1, TAG_BYTES, SEGMENT_BYTES])
@pytest.mark.parametrize("size", [0, 5000, FIRST, FIRST + NEXT])
def test_over_long_is_refused_before_the_surplus_is_looked_at(size: int, extra: int) -> None:
    plain = plain_of(size)
    sealed = seal(KEY, AD, plain)
    opener = Opener(KEY, AD, len(sealed))
    assert b"".join([opener.open(part) for part in segments(sealed)]) == plain
    for _ in range(2):
        with pytest.raises(SealBroken):
            opener.open(bytes(extra))
    with pytest.raises(SealBroken):
        opener.finish()
    assert plain.startswith(released(Opener(KEY, AD, len(sealed)), segments(sealed + bytes(extra))))
    with pytest.raises(SealBroken):
        open_whole(KEY, AD, sealed + bytes(extra))


def test_an_object_shorter_than_its_row_says_is_refused_even_when_it_is_whole() -> None:
    sealed = seal(KEY, AD, plain_of(5000))
    assert released(Opener(KEY, AD, len(sealed) + 1), [sealed]) == b""


def test_a_part_that_is_no_segment_of_the_object_is_refused() -> None:
    """Who cuts otherwise than the object is cut gets nothing: neither half a segment nor two."""
    sealed = seal(KEY, AD, plain_of(THREE))
    for part in (sealed[:1], sealed[: SEGMENT_BYTES - 1], sealed[: SEGMENT_BYTES + 1], sealed, b""):
        assert released(Opener(KEY, AD, len(sealed)), [part]) == b""


def test_a_good_object_behind_a_bad_header_is_refused() -> None:
    sealed = seal(KEY, AD, plain_of(5000))
    opener = Opener(KEY, AD, HEADER_BYTES + len(sealed))
    for part in (bytes(HEADER_BYTES) + sealed, sealed, b""):
        with pytest.raises(SealBroken):
            opener.open(part)
    with pytest.raises(SealBroken):
        opener.finish()


def test_nothing_comes_out_after_a_refusal() -> None:
    """A caller that goes on after an error must not get the rest: the good segment follows the bad one here."""
    sealed = seal(KEY, AD, plain_of(THREE))
    first, second, *rest = segments(sealed)
    bad = bytearray(second)
    bad[77] ^= 4
    opener = Opener(KEY, AD, len(sealed))
    assert len(opener.open(first)) == FIRST
    for part in (bytes(bad), second, *rest, b""):
        with pytest.raises(SealBroken):
            opener.open(part)
    with pytest.raises(SealBroken):
        opener.finish()


@pytest.mark.parametrize(
    "ad",
    [
        document_ad("6472", "d_01JD7XKQ8M3V5T9B2C4D6E8F0G", 2),
        document_ad("6472", "d_01JD7XKQ8M3V5T9B2C4D6E8F0H", 1),
        document_ad("6471", "d_01JD7XKQ8M3V5T9B2C4D6E8F0G", 1),
        b"",
    ],
)
def test_another_document_version_or_site_does_not_open(ad: bytes) -> None:
    sealed = seal(KEY, AD, plain_of(100))
    with pytest.raises(SealBroken):
        open_whole(KEY, ad, sealed)
    with pytest.raises(SealBroken):
        open_whole(new_data_key(), AD, sealed)
    with pytest.raises(SealBroken):
        streamed(sealed, ad=ad)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_in_words(junk: bytes) -> None:
    with pytest.raises(SealBroken):
        open_whole(KEY, AD, junk)
    assert released(Opener(KEY, AD, len(junk)), [junk]) == b""
    with pytest.raises(SealBroken):
        unwrap(KEY, junk, AD)


def test_the_sealer_keeps_one_segment_and_gives_the_header_first() -> None:
    sealer = Sealer(KEY, AD)
    (header,) = sealer.feed(b"")
    assert (len(header), header[0]) == (HEADER_BYTES, HEADER_BYTES)
    assert sealer.feed(plain_of(FIRST)) == []  # just full: it may be the last one
    assert [len(part) for part in sealer.feed(b"x")] == [FIRST + TAG_BYTES]
    assert [len(part) for part in sealer.finish()] == [1 + TAG_BYTES]
    assert [len(part) for part in Sealer(KEY, AD).finish()] == [HEADER_BYTES, TAG_BYTES]


def test_two_seals_of_the_same_bytes_share_nothing() -> None:
    one, two = seal(KEY, AD, bytes(1000)), seal(KEY, AD, bytes(1000))
    assert one[1:HEADER_BYTES] != two[1:HEADER_BYTES]
    assert one[HEADER_BYTES:] != two[HEADER_BYTES:]


def test_wrapping_binds_and_is_fresh_every_time() -> None:
    wrapped = wrap(KEY, b"a data key", kek_ad("sbj_1"))
    assert len(wrapped) == 12 + len(b"a data key") + 16
    assert wrap(KEY, b"a data key", kek_ad("sbj_1")) != wrapped
    assert unwrap(KEY, wrapped, kek_ad("sbj_1")) == b"a data key"
    for spoilt in (wrapped[:-1], wrapped[:27], b"", bytes([wrapped[0] ^ 1]) + wrapped[1:], wrapped + b"\x00"):
        with pytest.raises(SealBroken):
            unwrap(KEY, spoilt, kek_ad("sbj_1"))
    with pytest.raises(SealBroken):
        unwrap(KEY, wrapped, kek_ad("sbj_2"))


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_of_another_length_is_a_bug_not_aes_128(length: int) -> None:
    for call in (
        lambda: wrap(bytes(length), b"", b""),
        lambda: unwrap(bytes(length), bytes(40), b""),
        lambda: Sealer(bytes(length), b""),
        lambda: open_whole(bytes(length), b"", bytes([HEADER_BYTES]) + bytes(100)),
    ):
        with pytest.raises(ValueError, match="32 bytes"):
            call()


def test_the_names_that_are_sealed_in() -> None:
    assert document_ad("6472", "d_1", 3) == b"berkas-doc|6472|d_1|3"
    assert kek_ad("sbj_1") == b"berkas-kek|sbj_1"
    assert dek_ad("d_1", 3, "sbj_1/1") == b"berkas-dek|d_1|3|sbj_1/1"
    assert event_ad("r_1", 2) == b"berkas-event|r_1|2"
    with pytest.raises(ValueError, match="bar"):
        document_ad("6472|d_1", "d_2", 3)

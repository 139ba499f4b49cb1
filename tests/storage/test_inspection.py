"""The first look at a body: only PDF, JPEG and PNG pass, and only as what they are declared."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from storage.inspection import Inspected, Rejected, check_head, media_type_of

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


def heic(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x00\x00mif1heic"


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (PDF, "application/pdf"),
        (b"%PDF-", "application/pdf"),
        (JPEG, "image/jpeg"),
        (b"\xff\xd8\xff\xe1Exif", "image/jpeg"),
        (PNG, "image/png"),
    ],
)
def test_the_list(head: bytes, media_type: str) -> None:
    assert media_type_of(head) == media_type
    assert check_head(media_type, head) == Inspected(media_type)


@pytest.mark.parametrize("media_type", ["jpeg", "png", "pdf"])
def test_real_files(media_type: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(file, media_type)
    declared = "application/pdf" if media_type == "pdf" else f"image/{media_type}"
    assert check_head(declared, file.getvalue()[:64]) == Inspected(declared)


@pytest.mark.parametrize(
    ("declared", "head", "reason"),
    [
        ("application/pdf", b"", "empty"),
        ("image/jpeg", heic(b"heic"), "heic"),
        ("image/jpeg", heic(b"heix"), "heic"),
        ("image/heic", heic(b"mif1"), "heic"),
        ("application/pdf", JPEG, "mismatch"),
        ("image/jpeg", PNG, "mismatch"),
        ("image/png", PDF, "mismatch"),
        ("image/jpg", JPEG, "mismatch"),
        ("image/jpeg", b"\xff\xd8", "unknown"),
        ("image/png", PNG[:7], "unknown"),
        ("application/pdf", b"%PDF", "unknown"),
        ("application/pdf", b" %PDF-1.7", "unknown"),  # something before the header: another file in disguise
        ("application/pdf", b"\xef\xbb\xbf%PDF-1.7", "unknown"),
        ("application/pdf", b"<html>%PDF-1.7", "unknown"),
        ("application/pdf", b"PK\x03\x04", "unknown"),
        ("image/png", b"<svg xmlns=", "unknown"),
        ("image/png", b"GIF89a", "unknown"),
        ("image/png", b"II*\x00", "unknown"),
        ("image/jpeg", b"RIFF\x00\x00\x00\x00WEBP", "unknown"),
        ("image/jpeg", b"\x00\x00\x00\x18ftypisom", "unknown"),
        ("image/jpeg", b"MZ\x90\x00", "unknown"),
        ("text/plain", b"plain text", "unknown"),
        ("", PDF, "mismatch"),
    ],
)
def test_refusals_are_values_with_a_reason(declared: str, head: bytes, reason: str) -> None:
    assert check_head(declared, head) == Rejected(reason)

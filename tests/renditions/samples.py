"""Papers to stamp, made in the suite: scans as PDF, pages turned and cropped, pictures with and without a way up."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name, Pdf, Stream
from PIL import Image, ImageDraw

from exchange.renditions.orders import JPEG, PDF, Mark, Order, Region

A4 = (595.0, 842.0)
MARK = Mark(
    "HANYA UNTUK KEPERLUAN Penerbitan SKCK baru DI Polresta Samarinda",
    "tanggal 26 November 2026 nomor PST-7Q2K-9XWM",
    "Kode salinan K7QD-3MXP-9R2T. Periksa di https://berkas.example/verify",
    "26 November 2026 / PST-7Q2K-9XWM / K7QD-3MXP-9R2T",
)


def order(manner: str = "stamped", media_type: str = PDF, **regions: tuple[Region, ...]) -> Order:
    return Order(manner, media_type, MARK, **regions)  # type: ignore[arg-type]  # the words are tested elsewhere


def paper(
    pages: Sequence[bytes] = (b"",),
    *,
    size: tuple[float, float] = A4,
    rotate: int = 0,
    crop: Sequence[float] | None = None,
    inherited: bool = False,
) -> bytes:
    """One PDF; each of ``pages`` is a content stream that may write with /F1 (Helvetica)."""
    pdf = Pdf.new()
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    for content in pages:
        page = pdf.add_blank_page(page_size=size)
        page.obj.Resources = Dictionary(Font=Dictionary(F1=font))
        page.obj.Contents = Stream(pdf, content)
        if crop is not None:
            page.obj.CropBox = Array(crop)
        if rotate and not inherited:
            page.obj.Rotate = rotate
    if inherited:
        pdf.Root.Pages.Rotate = rotate
    return _saved(pdf)


def scan(pages: int = 1, *, size_px: tuple[int, int] = (1240, 1754), noise: int = 12) -> bytes:
    """What a counter's scanner makes: each page one picture."""
    pdf = Pdf.new()
    for number in range(pages):
        picture = picture_jpeg(size_px, seed=number, noise=noise)
        image = Stream(pdf, picture)
        image.stream_dict = Dictionary(
            Type=Name.XObject, Subtype=Name.Image, Width=size_px[0], Height=size_px[1],
            ColorSpace=Name.DeviceRGB, BitsPerComponent=8, Filter=Name.DCTDecode,
        )  # fmt: skip
        page = pdf.add_blank_page(page_size=A4)
        page.obj.Resources = Dictionary(XObject=Dictionary(Scan=image))
        page.obj.Contents = Stream(pdf, f"q {A4[0]} 0 0 {A4[1]} 0 0 cm /Scan Do Q".encode())
    return _saved(pdf)


def signed_looking(content: bytes) -> bytes:
    """A PDF whose form holds a filled signature field; nothing verifies it here, its bytes are what counts."""
    with pikepdf.open(io.BytesIO(content)) as pdf:
        value = pdf.make_indirect(Dictionary(Type=Name.Sig, Filter=Name("/Adobe.PPKLite")))
        field = pdf.make_indirect(Dictionary(FT=Name.Sig, T="Signature1", V=value))
        pdf.Root.AcroForm = Dictionary(Fields=Array([field]))
        return _saved(pdf)


def picture_jpeg(
    size: tuple[int, int] = (1240, 1754), *, seed: int = 0, noise: int = 12, orientation: int | None = None
) -> bytes:
    base = Image.effect_noise(size, noise).point(lambda level: min(255, level + 105))
    picture = Image.merge("RGB", (base, base, base))
    pen = ImageDraw.Draw(picture)
    if size[0] > 200:
        pen.rectangle((40, 40 + seed, size[0] // 3, 120 + seed), fill=(0, 90, 200))
    target = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
        exif.get_ifd(0x8825)[1] = "S"
    picture.save(target, "JPEG", quality=80, exif=exif)
    return target.getvalue()


def drawn(pdf: bytes, number: int = 0, scale: float = 1.5) -> Image.Image:
    """A page as a reader shows it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        document.init_forms()
        shown: Image.Image = document[number].render(scale=scale).to_pil().convert("RGB")
        return shown
    finally:
        document.close()


def text_of(pdf: bytes) -> str:
    """All text that can be taken out."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


def reddish(picture: Image.Image, box: tuple[float, float, float, float]) -> int:
    """Pixels in a part (fractions, from the upper left) that are clearly more red than green."""
    left, top, right, bottom = box
    width, height = picture.size
    part = picture.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )
    red, green, _ = part.split()
    return sum(a - b > 20 for a, b in zip(red.tobytes(), green.tobytes(), strict=True))


def picture_of(jpeg: bytes) -> Image.Image:
    picture: Image.Image = Image.open(io.BytesIO(jpeg))
    assert picture.format == "JPEG"
    return picture


def media_type_of(content: bytes) -> str:
    return PDF if content.startswith(b"%PDF") else JPEG


def _saved(pdf: Pdf) -> bytes:
    target = io.BytesIO()
    pdf.save(target, static_id=True)
    return target.getvalue()

"""Files as scanners, phones, office programs and ministries make them."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import fpdf
import pikepdf
from PIL import Image, ImageCms

from tests.files import built, pdf
from tests.hostile.jpegs import jpeg, with_segment
from tests.hostile.pdfs import FORM, PAGES, drawing, revised, saved, stream
from tests.hostile.pngs import chunk, header, made, rows

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"


def picture(mode: str = "RGB", size: tuple[int, int] = (320, 240)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


def encoded(image: Image.Image, kind: str, **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


@functools.cache
def honest_files() -> dict[str, tuple[str, bytes]]:
    return _jpegs() | _pngs() | _pdfs()


def _jpegs() -> dict[str, tuple[str, bytes]]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Kamera"
    files = {
        "baseline": encoded(picture(), "JPEG"),
        "progressive": encoded(picture(), "JPEG", progressive=True),
        "optimised": encoded(picture(), "JPEG", optimize=True, quality=95),
        "without subsampling": encoded(picture(), "JPEG", subsampling=0),
        "grey": encoded(picture("L"), "JPEG"),
        "four inks": encoded(picture("CMYK"), "JPEG"),
        "with a colour profile": encoded(picture(), "JPEG", icc_profile=profile),
        "turned by its camera": encoded(picture(), "JPEG", exif=exif),
        "with restarts": encoded(picture(), "JPEG", restart_marker_blocks=4),
        "a stamp": encoded(picture(size=(16, 16)), "JPEG"),
        "a phone's": encoded(picture(size=(4032, 3024)), "JPEG", quality=70),
        "48 megapixels": encoded(picture(size=(8000, 6000)), "JPEG", quality=50),
        "with zeros behind": jpeg() + bytes(512),
        "several pictures": encoded(picture(), "MPO", save_all=True, append_images=[picture()]),
        "with a comment": with_segment(jpeg(), 0xFE, b"CREATOR: gd-jpeg v1.0, quality = 90"),
        "with fill bytes": jpeg()[:2] + b"\xff\xff" + jpeg()[2:],
    }
    return {f"jpeg {name}": (JPEG, content) for name, content in files.items()}


def _pngs() -> dict[str, tuple[str, bytes]]:
    files = {mode: encoded(picture(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")}
    files |= {
        "16 bits in colour": made(header(30, 20, 16, 2), rows(20 * (1 + 30 * 6))),
        "interlaced": made(header(16, 16, 8, 0, 1), rows(286)),
        "in many pieces": made(
            header(16, 16), *(chunk(b"IDAT", bytes([byte])) for byte in zlib.compress(bytes(784)))
        ),
        "with texts": made(
            header(16, 16), chunk(b"tEXt", b"Software\0Pemindai"), chunk(b"pHYs", bytes(9)), rows(784)
        ),
        "without colours": encoded(picture("L").quantize(4), "PNG", optimize=True),
    }
    return {f"png {name}": (PNG, content) for name, content in files.items()}


def _pdfs() -> dict[str, tuple[str, bytes]]:
    written = fpdf.FPDF()
    written.add_page()
    written.set_font("helvetica", size=12)
    written.cell(text="Surat Keterangan", link="https://samarindakota.go.id/")
    written.image(picture(), x=10, y=30, w=60)
    written.start_section("Bab 1")
    plain = pdf(b"x" * 2_000)
    links = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction [3 0 R /Fit] /Outlines << /First 4 0 R >> >>",
        PAGES[0],
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [4 0 R 5 0 R 6 0 R 7 0 R] >>",
        b"<< /Subtype /Text /Contents (/JavaScript is only a word here, and so is /Launch) /F 4 >>",
        b"<< /Subtype /Link /F 4 /A << /S /URI /URI (https://dukcapil.kemendagri.go.id/) >> >>",
        b"<< /Subtype /Link /A << /S /GoTo /D [3 0 R /Fit] >> >>",
        b"<< /Subtype /Link /A << /S /URI /URI (mailto:loket@samarindakota.go.id) >> >>",
    ]
    form = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] /SigFlags 3 >> >>",
        PAGES[0],
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [4 0 R] >>",
        b"<< /Subtype /Widget /FT /Sig /T (ttd) /V 5 0 R /F 132 /Rect [0 0 0 0] /P 3 0 R >>",
        b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 1 2 3] /Contents <00> >>",
    ]
    signed = revised(built(form), 5, form[4])
    fax = b"/Subtype /Image /Width 8 /Height 1 /BitsPerComponent 1 /ColorSpace /DeviceGray /Filter /CCITTFaxDecode"
    files = {
        "plain": plain,
        "a scanner's": encoded(picture(size=(1240, 1754)), "PDF"),
        "several pages": encoded(picture(), "PDF", save_all=True, append_images=[picture("L"), picture("1")]),
        "written": bytes(written.output()),
        "linearized": saved(plain, linearize=True),
        "with object streams": saved(plain, object_stream_mode=pikepdf.ObjectStreamMode.generate),
        "linearized with object streams": saved(
            plain, linearize=True, object_stream_mode=pikepdf.ObjectStreamMode.generate
        ),
        "of an old version": saved(
            plain, force_version="1.3", object_stream_mode=pikepdf.ObjectStreamMode.disable
        ),
        "with links": built(links),
        "to be signed": built(form),
        "signed": signed,
        "signed, and its time stamped": revised(signed, 5, form[4]),
        "with blank lines behind": plain + b"\r\n\r\n" + bytes(100),
        "a fax": built(
            [b"<< /Type /Catalog /Pages 2 0 R >>", *PAGES, stream(struct.pack(">I", 0x35310000), fax)]
        ),
        "50 pages": _pages(50),
        **_drawings(),
    }
    return {f"pdf {name}": (PDF, content) for name, content in files.items()}


def _drawings() -> dict[str, bytes]:
    """Forms, patterns and masks as office programs, plotters and statement printers use them, thousands of times."""
    shared = b"/Resources << /XObject << /X @x /Wrap @wrap >> /Pattern << /P @p >> /ExtGState << /G @g >> /Font << /F @font >> >>"
    mark, tile = stream(b"0 0 2 2 re f", FORM), stream(b"0 0 1 1 re f", FORM + b"/PatternType 1")
    things = {
        "x": mark, "p": tile, "m": stream(b"0 0 300 300 re f", FORM), "g": b"<< /SMask << /S /Luminosity /G @m >> >>",
        "wrap": stream(b"q 2 0 0 2 0 0 cm /X Do Q", FORM + shared),
        "glyph": stream(b"500 0 0 0 500 500 d1 0 0 500 500 re f " * 20),
        "font": b"<< /Type /Font /Subtype /Type3 /CharProcs << /a @glyph >> >>",
    }  # fmt: skip
    return {
        "a plot": drawing(things, b"1 0 0 1 3 3 cm /X Do " * 10_000, shared),
        "a form below a form": drawing(things, b"/Wrap Do", shared),
        "a hatched map": drawing(things, b"/Pattern cs /P scn " + b"0 0 9 9 re f " * 20_000, shared),
        "shadows": drawing(things, b"/G gs " + b"0 0 9 9 re f " * 20_000, shared),
        "letters that are drawn": drawing(things, b"BT /F 9 Tf (%s) Tj ET " % (b"a" * 80) * 60, shared),
    }


def _pages(count: int) -> bytes:
    file = io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(count):
            document.add_blank_page()
        document.save(file)
    return file.getvalue()

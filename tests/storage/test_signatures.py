"""PDFs signed in the suite, looked at by the strict rules (M10, L51; ``protocols.md`` 9.1), and by the confined worker."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from storage.errors import GateBusy
from storage.signatures.finding import Broken
from storage.signatures.judging import (
    SIGNATURE_TASKS,
    AnchorsUnreadable,
    Signatures,
    Signed,
    Unsound,
    read_anchors,
)
from storage.signatures.pades import verified
from storage.spool import Spool
from storage.workers import LimitedWorkers, WorkerLost
from tests.files import built, pdf
from tests.signing import (
    DAY,
    NOW,
    POLICY,
    authority,
    crl,
    document_stamped,
    long_lived,
    narrowed,
    official,
    other_root,
    party,
    root,
    signed,
    stamping,
    weak_authority,
    with_validation,
)

THEN = NOW - 3 * DAY


def revised(content: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """``content`` with one more revision."""
    writer = IncrementalPdfFileWriter(io.BytesIO(content))
    change(writer)
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]  # pyHanko left it without types
    return out.getvalue()


def _dictionary(**names: str) -> generic.DictionaryObject:
    found = generic.DictionaryObject()  # type: ignore[no-untyped-call]  # pyHanko left it without types
    for key, value in names.items():
        found[f"/{key}"] = generic.pdf_name(value)
    return found


def _other_page(writer: IncrementalPdfFileWriter) -> None:
    """A shadow attack, "replace": the page's content is another one."""
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"0 0 m 100 100 l S"))
    writer.update_container(page)


def _hidden_layer(writer: IncrementalPdfFileWriter) -> None:
    """A shadow attack, "hide": what covered the page is gone."""
    writer.root["/OCProperties"] = _dictionary(BaseState="/OFF")
    writer.update_root()  # type: ignore[no-untyped-call]  # pyHanko left it without types


def _annotated(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    note = _dictionary(Type="/Annot", Subtype="/Text", Contents="/NIK")
    page["/Annots"] = generic.ArrayObject([*page.get("/Annots", ()), writer.add_object(note)])
    writer.update_container(page)


FORM = built(
    [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [4 0 R] >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (nama) /F 4 /Rect [0 0 9 9] /P 3 0 R >>",
    ]
)


def _filled_in(writer: IncrementalPdfFileWriter) -> None:
    """Allowed by what was signed, and by pyHanko: but nobody signed what the field says now."""
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/V"] = generic.pdf_string("NIK lain")
    writer.update_container(field)


def _other_root(writer: IncrementalPdfFileWriter) -> None:
    """A shadow attack, "hide and replace": the catalogue leads to other pages."""
    writer.root["/Lang"] = generic.pdf_string("id")
    writer.update_root()  # type: ignore[no-untyped-call]  # pyHanko left it without types


def _graded(content: bytes, **how: Any) -> tuple[str, str | None]:
    anchors = how.get("anchors", [root().der])
    finding = verified(content, anchors, how.get("now", NOW))
    assert finding is not None
    return finding["grade"], finding["why"]


def test_valid() -> None:
    """Stamped, with proof that nobody was revoked: also when the certificate is long over and the proof is stale."""
    finding = verified(long_lived(), [other_root().der, root().der], NOW)
    assert finding is not None
    assert (finding["grade"], finding["why"]) == ("valid", None)
    assert finding["signer"] == "Kepala Dinas Uji, Disdukcapil Uji"
    assert finding["policies"] == [POLICY]
    assert finding["anchor_sha256"] == root().asn1.sha256.hex()
    assert finding["timestamp"] == THEN.isoformat()
    short = party("Pejabat Uji", authority(), ends=NOW - DAY)
    assert _graded(long_lived(by=short)) == ("valid", None)


def test_valid_by_a_document_time_stamp() -> None:
    kept = with_validation(signed(at=THEN), crl(root(), at=THEN), crl(authority(), at=THEN))
    assert _graded(kept) == ("unchecked", "revocation_unknown")
    assert _graded(document_stamped(kept, stamping(), THEN)) == ("valid", None)


def test_valid_with_fresh_proof_and_no_stamp() -> None:
    assert _graded(with_validation(signed(), crl(root()), crl(authority()))) == ("valid", None)


def test_two_signatures() -> None:
    """The later one may be added; the worst of both counts, the last one is named."""
    both = signed(
        signed(stamped=stamping()), by=party("Sekretaris Uji", authority()), field="kedua", stamped=stamping()
    )
    kept = with_validation(both, crl(root()), crl(authority()))
    assert _graded(kept) == ("valid", None)
    finding = verified(kept, [root().der], NOW)
    assert finding is not None
    assert finding["signer"].startswith("Sekretaris")
    weak_first = signed(signed(by=party("Lemah", authority(), bits=1_024)), field="kedua")
    assert _graded(weak_first) == ("weak", "algorithm")


UNCHECKED: dict[str, tuple[Callable[[], bytes], dict[str, Any], str]] = {
    "no anchors": (long_lived, {"anchors": []}, "no_anchors"),
    "no proof": (signed, {}, "revocation_unknown"),
    "stale proof": (
        lambda: with_validation(signed(), crl(root(), at=NOW - 9 * DAY), crl(authority(), at=NOW - 9 * DAY)),
        {},
        "revocation_unknown",
    ),
    "proof of the signer only": (
        lambda: with_validation(signed(), crl(authority())),
        {},
        "revocation_unknown",
    ),
    "expired since, no stamp": (
        lambda: signed(at=THEN, by=party("Lama", authority(), ends=NOW - DAY)),
        {},
        "expired",
    ),
    "expired since, stamped by somebody": (
        lambda: signed(
            at=THEN,
            by=party("Lama", authority(), ends=NOW - DAY),
            stamped=party("TSA Lain", other_root(), stamps=True, bits=2_048),
        ),
        {},
        "expired",
    ),
    "expired since, stamped by one who stamps no times": (
        lambda: signed(
            at=THEN,
            by=party("Lama", authority(), ends=NOW - DAY),
            stamped=party("Bukan TSA", root(), bits=2_048),
        ),
        {},
        "expired",
    ),
}


@pytest.mark.parametrize("name", UNCHECKED)
def test_unchecked(name: str) -> None:
    make, how, why = UNCHECKED[name]
    assert _graded(make(), **how) == ("unchecked", why)


@pytest.mark.parametrize(
    "make",
    [
        lambda: signed(md="sha1"),
        lambda: signed(by=party("Lemah", authority(), bits=1_024)),
        lambda: with_validation(
            signed(by=party("Lemah", authority(), bits=1_024)), crl(root()), crl(authority())
        ),
        lambda: signed(by=party("Bawahan", weak_authority()), chain=[weak_authority()]),
    ],
    ids=["SHA-1", "RSA 1024", "RSA 1024 with proof", "an authority of RSA 1024"],
)
def test_weak(make: Callable[[], bytes]) -> None:
    assert _graded(make()) == ("weak", "algorithm")


INVALID: dict[str, tuple[Callable[[], bytes], str]] = {
    "wrong digest": (lambda: signed().replace(b"KARTU", b"KARTV"), "altered"),
    "wrong digest of the first of two": (
        lambda: signed(signed(), field="kedua").replace(b"KARTU", b"KARTV"),
        "altered",
    ),
    "junk behind": (lambda: signed() + b"% lain\n", "partial"),
    "a line behind": (lambda: signed() + b"\n", "partial"),
    "junk behind the proof": (lambda: long_lived() + b"% lain\n", "partial"),
    "the end is left out": (lambda: narrowed(tail=6), "partial"),
    "a wider gap before": (lambda: narrowed(before=20), "partial"),
    "a wider gap behind": (lambda: narrowed(behind=20), "partial"),
    "the gap beside the signature": (lambda: narrowed(before=20, behind=-20), "partial"),
    "a field filled in later": (lambda: revised(signed(FORM), _filled_in), "partial"),
    "not from the start": (lambda: narrowed(start=9), "partial"),
    "shadow: replaced": (lambda: revised(signed(), _other_page), "partial"),
    "shadow: replaced after the proof": (lambda: revised(long_lived(), _other_page), "partial"),
    "shadow: hidden": (lambda: revised(signed(), _hidden_layer), "partial"),
    "shadow: hidden and replaced": (lambda: revised(signed(), _other_root), "partial"),
    "shadow: between two signatures": (
        lambda: signed(revised(signed(), _other_page), field="kedua"),
        "partial",
    ),
    "annotated": (lambda: revised(signed(), _annotated), "partial"),
    "unknown chain": (lambda: signed(by=party("Palsu", other_root()), chain=[other_root()]), "untrusted"),
    "self-signed": (lambda: signed(by=party("Palsu"), chain=[]), "untrusted"),
    "a namesake of the authority": (
        lambda: signed(by=party("Palsu", party("BSrE Uji", party("Root CA Uji", ca=True), ca=True))),
        "untrusted",
    ),
    "no certificate of signing": (lambda: signed(by=party("Server", authority(), signs=False)), "untrusted"),
    "signed by who is no authority": (
        lambda: signed(by=party("Anak", official()), chain=[official(), authority()]),
        "untrusted",
    ),
    "expired before": (lambda: signed(by=party("Lama", authority(), ends=NOW - DAY)), "expired"),
    "not yet valid": (lambda: signed(by=party("Nanti", authority(), begins=NOW + DAY)), "expired"),
    "stamped when it was over": (
        lambda: signed(at=THEN, by=party("Lama", authority(), ends=THEN - DAY), stamped=stamping()),
        "expired",
    ),
    "revoked": (
        lambda: with_validation(signed(), crl(root()), crl(authority(), official(), since=NOW - DAY)),
        "revoked",
    ),
    "revoked before the stamp": (
        lambda: with_validation(
            signed(at=THEN, stamped=stamping()),
            crl(root(), at=THEN),
            crl(authority(), official(), at=THEN, since=THEN - DAY),
        ),
        "revoked",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid(name: str) -> None:
    make, why = INVALID[name]
    with pytest.raises(Broken) as broken:
        verified(make(), [root().der], NOW)
    assert broken.value.why == why


def test_revoked_after_the_stamp_is_valid() -> None:
    stamped = signed(at=THEN, stamped=stamping())
    kept = with_validation(stamped, crl(root()), crl(authority(), official(), since=NOW - DAY))
    assert _graded(kept) == ("valid", None)


def test_not_signed() -> None:
    assert verified(pdf(b"x"), [root().der], NOW) is None
    assert verified(document_stamped(pdf(b"x"), stamping(), NOW), [root().der], NOW) is None


async def _judged(files: dict[str, bytes], anchors: list[bytes]) -> dict[str, Signed | Unsound | None]:
    workers = LimitedWorkers(SIGNATURE_TASKS, processes=1)
    found = {}
    try:
        signatures = Signatures(workers, anchors)
        for name, content in files.items():
            with Spool(10**7).room(len(content)) as spooled:
                spooled.write(content)
                spooled.seal()
                found[name] = await signatures.judge(spooled, "application/pdf", NOW)
    finally:
        await workers.stop()
    return found


FILES = {
    "valid": long_lived(),
    "kept": document_stamped(long_lived(), stamping(), NOW - DAY),
    "two": signed(signed(), field="kedua"),
    "rsa": signed(by=party("Pejabat RSA", authority(), bits=2_048)),
    "asked elsewhere": signed(by=party("Bertanya", authority(), asks_at="http://127.0.0.1:9/ocsp")),
    "weak": signed(md="sha1"),
    "altered": signed().replace(b"KARTU", b"KARTV"),
    "rewritten": revised(signed(), _other_page),
    "plain": pdf(b"x"),
    "a range and no signature": pdf(b"/ByteRange"),
    "no signature in it": built(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] /SigFlags 3 >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [4 0 R] >>",
            b"<< /Subtype /Widget /FT /Sig /T (ttd) /V 5 0 R /F 132 /Rect [0 0 0 0] /P 3 0 R >>",
            b"<< /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 1 2 3] /Contents <00> >>",
        ]
    ),
}


async def test_in_the_worker() -> None:
    """D9: the same answers where nothing can be opened, and no network either (an OCSP address is not asked)."""
    found = await _judged(FILES, [root().der])
    grades = {name: one.grade if isinstance(one, Signed) else one and one.why for name, one in found.items()}
    assert grades == {
        "valid": "valid",
        "kept": "valid",
        "two": "unchecked",
        "rsa": "unchecked",
        "asked elsewhere": "unchecked",
        "weak": "weak",
        "altered": "altered",
        "rewritten": "partial",
        "plain": None,
        "a range and no signature": None,
        "no signature in it": "unreadable",
    }
    valid = found["valid"]
    assert isinstance(valid, Signed)
    assert valid.told["signer"] == "Kepala Dinas Uji, Disdukcapil Uji"
    assert "why" not in valid.told


async def test_a_worker_that_is_lost_gives_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(*_args: object) -> dict[str, object]:
        raise WorkerLost("killed from outside")

    monkeypatch.setattr(LimitedWorkers, "run", lost)
    with pytest.raises(GateBusy):
        await _judged({"valid": FILES["valid"]}, [])


@pytest.mark.parametrize(
    "answer",
    [{"broken": "<b>"}, {"signed": {"grade": "issuer"}}, {"signed": {"grade": "valid", "signer": "x" * 999}}],
)
async def test_a_worker_invents_no_words(monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]) -> None:
    async def lies(*_args: object) -> dict[str, object]:
        return answer

    monkeypatch.setattr(LimitedWorkers, "run", lies)
    found = (await _judged({"valid": FILES["valid"]}, []))["valid"]
    assert found == Unsound("unreadable") or (
        isinstance(found, Signed) and len(str(found.told["signer"])) == 100
    )


def test_anchors(tmp_path: Path) -> None:
    assert read_anchors(None) == ()
    with pytest.raises(AnchorsUnreadable, match="no certificate"):
        read_anchors(tmp_path)
    (tmp_path / "a.pem").write_bytes(b"BSrE\n" + root().pem + other_root().pem)
    (tmp_path / "b.txt").write_bytes(b"x")
    assert read_anchors(tmp_path) == (root().der, other_root().der)
    (tmp_path / "c.pem").write_bytes(b"x")
    with pytest.raises(AnchorsUnreadable):
        read_anchors(tmp_path)

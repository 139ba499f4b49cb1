"""A receipt as a file: what makes its bytes ours, and which record a presented file names, without a parser.

An untrusted file is parsed in no process that serves (D9), and making the receipt again to compare it would call last year's
genuine one changed after every release of the PDF library. So each PDF carries one line of ours, a comment before its
``startxref``, with a keyed hash (HMAC-SHA256) of every byte before and after it. To judge a file is to find that line in its
last bytes and to hash. A record (JWS) is compared with the bytes that are kept.
"""

from __future__ import annotations

import base64
import hmac
import re
from itertools import islice

from auth.links import RECORD_BYTES, file_mac, record_code
from storage.ids import number_of

FILE_LIMIT_BYTES = 204_800
_TAIL = b"startxref\n"
_MARK = b"%berkas-receipt "
_TAIL_LIMIT_BYTES = 512
_ID = rb"c_[0-9A-HJKMNP-TV-Z]{26}"
_LINE = re.compile(_MARK + rb"(" + _ID + rb") ([0-9a-f]{64})\n")
_RECORD_LIMIT_BYTES = 16_384
_NAMED_LIMIT = 3
# What is no letter of base64url becomes one, so that what follows a wrong byte is still read in step.
_LETTERS = bytes(range(48, 58)) + bytes(range(65, 91)) + bytes(range(97, 123)) + b"-_"
_AS_LETTERS = bytes(byte if byte in _LETTERS else ord("A") for byte in range(256))


def code_of(key: bytes, record_id: str) -> str:
    """What ``/verify`` takes for this record: always the same."""
    return record_code(key, number_of(record_id.partition("_")[2]).to_bytes(RECORD_BYTES, "big"))


def sealed(key: bytes, record_id: str, pdf: bytes) -> bytes:
    """``pdf`` with our line. Comments may stand there (ISO 32000-1 7.2.4); no offset changes."""
    at = pdf.rindex(_TAIL)
    mac = file_mac(key, record_id, pdf[:at], pdf[at:])
    return pdf[:at] + _MARK + f"{record_id} {mac}\n".encode() + pdf[at:]


def is_ours(key: bytes, record_id: str, file: bytes) -> bool:
    """Is every byte of ``file`` as we made it for this record? Never raises for a file."""
    at = file.rfind(_MARK, max(0, len(file) - _TAIL_LIMIT_BYTES))
    line = _LINE.match(file, at) if at >= 0 else None
    if line is None or line[1] != record_id.encode():
        return False
    return hmac.compare_digest(file_mac(key, record_id, file[:at], file[line.end() :]).encode(), line[2])


def records_named(file: bytes) -> list[str]:
    """Ids of records that stand in ``file``, in plain text or inside a JWS, damaged or not; three at most. Nothing that is
    found here is believed: it only says with what to compare.
    """
    letters = file[:_RECORD_LIMIT_BYTES].translate(_AS_LETTERS)
    read = [file, *(base64.urlsafe_b64decode(_whole(letters[step:])) for step in range(4))]
    found = (match.decode() for text in read for match in re.findall(_ID, text))
    return list(islice(dict.fromkeys(found), _NAMED_LIMIT))


def _whole(letters: bytes) -> bytes:
    return letters[: len(letters) // 4 * 4]

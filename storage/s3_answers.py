"""What an S3 server means by an answer that is not the one asked for."""

from __future__ import annotations

import re
from http import HTTPStatus

from storage.errors import DocumentMissing, StorageError, StoreUnavailable, WrongLength

ERROR_HEAD_BYTES = 4_096
CODE_END = b"</Code>"
PASSING = {429, 500, 502, 503, 504}  # SlowDown, no quorum, a node that just went: F19
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")


def framed(fields: list[tuple[bytes, bytes]]) -> StorageError:
    """Of a 200 that is not framed as was asked. Only one plain length and no coding is a word about the object."""
    if len(fields) == 1 and fields[0][0] == b"content-length" and fields[0][1].isdigit():
        return WrongLength("an object of another length")
    return StoreUnavailable("an answer without one plain length")


def meaning(status: int, said: bytes) -> StorageError:
    """``said`` is the beginning of the answer's body. A bucket that is gone must not look like one missing paper."""
    found = _CODE.search(said)
    code = found[1].decode() if found else ""
    if status == HTTPStatus.NOT_FOUND and code != "NoSuchBucket":
        return DocumentMissing("not in the store")
    return StoreUnavailable(f"the store answered {status} {code}".rstrip(), passing=status in PASSING)

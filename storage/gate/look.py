"""The task of the gate's workers: one file, looked at as what it is declared to be."""

from __future__ import annotations

from typing import Any, BinaryIO

from storage.gate import jpeg, pdf, png
from storage.gate.disguise import no_second_file
from storage.gate.findings import Unfit

_LOOKS = {"application/pdf": pdf.look, "image/jpeg": jpeg.look, "image/png": png.look}


def look(payload: dict[str, Any], files: list[BinaryIO]) -> dict[str, Any]:
    """``{"unfit": word}``, or ``{"edits": [[start, end, cut | blank]], "pages": n}``. Whatever else a parser raises is the
    worker's answer too (``TaskFailed``): the file is broken.
    """
    files[0].seek(0)
    data = files[0].read()
    media_type = str(payload["media_type"])
    try:
        found = _LOOKS[media_type](data)
        no_second_file(data, media_type)
    except Unfit as unfit:
        return {"unfit": unfit.word}
    return {"edits": found.ordered(), "pages": found.pages}

"""Files that no honest person sends: generated, each with the words that the gate may refuse it with."""

from __future__ import annotations

import functools

from tests.hostile.files import Hostile
from tests.hostile.jpegs import jpegs
from tests.hostile.pdfs import pdfs
from tests.hostile.pngs import pngs


@functools.cache
def hostile_files() -> tuple[Hostile, ...]:
    return (*jpegs(), *pngs(), *pdfs())

"""Lines for spreadsheets (RFC 4180, UTF-8), whose cells are never taken for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

# A spreadsheet takes what begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Iterable[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return written.getvalue().encode()

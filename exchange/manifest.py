"""A folder or a ZIP archive of papers, and the CSV that says whose each one is. What stands in it is only ever told by its row's number:
file names of such folders are often people's numbers.
"""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from exchange.requirements.numbers import NumberError
from exchange.uploads import Paper

REQUIRED = ("nik", "name", "type", "file")
OPTIONAL = (
    "birth_date", "issued_on", "valid_until", "tax_year", "level", "background", "number", "about",
)  # fmt: skip
NAME_LIMIT = 200
_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
}


# What an archive says about itself may be anything, and a name may be none that a file can have.
_UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
# The others inflate as much at once as they like, whatever one asks for.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class PaperUnreadable(Exception):
    """A row's file is there and cannot be read. Says nothing of it."""


class ManifestRefused(Exception):
    """The manifest or the folder cannot be read at all; the message says why, without a value of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One paper. ``number`` counts the lines of the file as an editor does, the header being 1."""

    number: int
    values: dict[str, str] = field(repr=False)

    @property
    def nik(self) -> str:
        return self.values["nik"]

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES.get(Path(self.values["file"]).suffix.lower(), "")

    def day(self, column: str) -> date | None:
        """Raises ``NumberError``."""
        text = self.values.get(column, "")
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise NumberError("malformed", column) from None

    def name(self) -> str:
        """By the counter's rule: one line, in whatever letters (A50). Raises ``NumberError``."""
        name = self.values["name"]
        if not (0 < len(name) <= NAME_LIMIT and name.isprintable()):
            raise NumberError("malformed", "name")
        return name

    def paper(self) -> Paper:
        """Without the numbers, which are checked against the type. Raises ``NumberError``."""
        year, background = self.values.get("tax_year", ""), self.values.get("background", "")
        if year and not (year.isascii() and year.isdigit() and len(year) == 4 and 1900 <= int(year) <= 2200):  # noqa: PLR2004 - as the counter
            raise NumberError("malformed", "tax_year")
        if background not in {"", "red", "blue"}:
            raise NumberError("malformed", "background")
        return Paper(
            issued_on=self.day("issued_on"),
            valid_until=self.day("valid_until"),
            tax_year=int(year) if year else None,
            level=self.values.get("level") or None,
            background=background or None,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    sha256: str
    rows: list[Row]


def read_manifest(path: Path) -> Manifest:
    """Raises ``ManifestRefused``."""
    try:
        content = path.read_bytes()
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        columns = list(reader.fieldnames or ())
        lacking = [name for name in REQUIRED if name not in columns]
        unknown = len([name for name in columns if name not in REQUIRED + OPTIONAL])
        if lacking or unknown:
            raise ManifestRefused(
                f"the manifest needs the columns {', '.join(REQUIRED)} and may have {', '.join(OPTIONAL)}; "
                f"{len(lacking)} are missing, {unknown} are others"
            )
        if len(set(columns)) < len(columns):
            raise ManifestRefused("the manifest has a column twice: nobody could say which of them counts")
        rows = [
            Row(reader.line_num, {name: (value or "").strip() for name, value in line.items()})
            for line in reader
            if _complete(line, reader.line_num)
        ]
    except (OSError, UnicodeError, csv.Error) as error:
        raise ManifestRefused(f"the manifest cannot be read: {type(error).__name__}") from None
    return Manifest(hashlib.sha256(content).hexdigest(), rows)


def _complete(line: dict[str | None, object], number: int) -> bool:
    if None in line or None in line.values():
        raise ManifestRefused(f"line {number} of the manifest has another number of columns than its header")
    return True


class Papers:
    """The files of a folder or of a ZIP archive; nothing outside of it is ever read."""

    def __init__(self, place: Path) -> None:
        self._place = place.resolve()
        self._archive: zipfile.ZipFile | None = None

    @classmethod
    def opened(cls, place: Path, stack: ExitStack) -> Papers:
        """Raises ``ManifestRefused``."""
        try:
            papers = cls(place)
            if place.is_dir():
                return papers
            papers._archive = stack.enter_context(zipfile.ZipFile(place))
        except _UNREADABLE:
            raise ManifestRefused("name a folder, or a ZIP archive, of the papers") from None
        return papers

    def size(self, name: str) -> int | None:
        """In bytes; None when there is no such file inside."""
        if self._archive is not None:
            try:
                return self._archive.getinfo(name).file_size
            except KeyError:
                return None
        try:
            path = (self._place / name).resolve()
            inside = bool(name) and path.is_relative_to(self._place) and path.is_file()
            return path.stat().st_size if inside else None
        except _UNREADABLE:  # a link that leads to itself, a name that is too long
            return None

    def read(self, name: str, size: int) -> bytes:
        """Exactly ``size`` bytes, and never more than one behind them, whatever an archive promised. Raises ``PaperUnreadable``."""
        try:
            if self._archive is not None and self._archive.getinfo(name).compress_type not in _METHODS:
                raise PaperUnreadable
            with self._archive.open(name) if self._archive else (self._place / name).open("rb") as file:
                content = bytes(file.read(size + 1))
        except _UNREADABLE:
            raise PaperUnreadable from None
        if len(content) != size:
            raise PaperUnreadable
        return content

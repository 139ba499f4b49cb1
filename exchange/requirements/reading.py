"""YAML read strictly: every mapping knows its line, duplicate and unknown keys are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

# A rule of the catalogue is six deep at most; what is deeper is a mistake, and would exhaust the stack.
DEEPEST = 30


class CatalogueError(Exception):
    """A catalogue that must not be used: the file, the line (from 1) and the reason."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class Entry(dict[str, Any]):
    """A mapping with its place in the file, and that of each of its keys."""

    file: str = ""
    line: int = 0

    def __init__(self, *arguments: Any, **members: Any) -> None:
        super().__init__(*arguments, **members)
        self.lines: dict[str, int] = {}

    def refuse(self, reason: str, key: str | None = None) -> CatalogueError:
        return CatalogueError(self.file, self.lines.get(key or "", self.line), reason)

    def only(self, allowed: Collection[str], needed: Collection[str] = ()) -> None:
        """Raises ``CatalogueError`` for an unknown or a missing key."""
        for key in self:
            if key not in allowed:
                raise self.refuse(f"unknown key {key!r}", key)
        for key in needed:
            if key not in self:
                raise self.refuse(f"{key!r} is missing")

    def value(self, key: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """The member when it has this type. YAML's true is no number."""
        found = self.get(key, default)
        if found is default and key not in self:
            return default
        wrong = not isinstance(found, kind) or (isinstance(found, bool) and kind is int)
        if wrong:
            raise self.refuse(f"{key!r} has the wrong type", key)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts without repetition."""
        found = self.value(key, list, [])
        if not all(isinstance(item, str) and item.strip() for item in found):
            raise self.refuse(f"{key!r} must be a list of texts", key)
        if len(set(found)) != len(found):
            raise self.refuse(f"{key!r} names something twice", key)
        return tuple(found)

    def text(self, key: str) -> Any:
        """The member when it is a text that says something; None when there is none."""
        found = self.value(key, str)
        if key in self and not (found.strip() and found.isprintable()):
            raise self.refuse(f"{key!r} is empty or has control characters", key)
        return found

    def count(self, key: str, limits: tuple[int, int]) -> Any:
        """The member when it is a whole number within the limits; None when there is none."""
        found = self.value(key, int)
        if key in self and not limits[0] <= found <= limits[1]:
            raise self.refuse(f"{key!r} is not from {limits[0]} to {limits[1]}", key)
        return found

    def chosen(self, key: str, allowed: frozenset[str]) -> str:
        """The member when it is one of these words."""
        value = self.value(key, str)
        if value not in allowed:
            raise self.refuse(f"{key!r}: {value!r} is not one of {', '.join(sorted(allowed))}", key)
        return str(value)

    def entries(self, key: str) -> Iterator[Entry]:
        """A list of mappings."""
        for item in self.value(key, list, []):
            if not isinstance(item, Entry):
                raise self.refuse(f"{key!r} must be a list of mappings", key)
            yield item


# What PyYAML's constructors raise for a scalar of the wrong form: a date that does not exist, a number without digits.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def read(path: Path) -> Entry:
    """The document of a file. Raises ``CatalogueError``."""
    text = _text(path)
    try:
        document = _Loader(text, path.name).get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogueError(path.name, line, error.problem or "not YAML") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CatalogueError(path.name, line, "not YAML: a control character") from None
    if not isinstance(document, Entry):
        raise CatalogueError(path.name, 1, "must be a mapping")
    return document


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str, file: str) -> None:
        super().__init__(text)
        self._file = file
        self._depth = 0

    def refuse(self, mark: Any, reason: str) -> CatalogueError:
        return CatalogueError(self._file, mark.line + 1, reason)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise self.refuse(mark, "an alias: every entry is written out")
        if self._depth == DEEPEST:
            raise self.refuse(mark, f"nested more than {DEEPEST} deep")
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _MALFORMED as error:
            raise self.refuse(node.start_mark, f"not YAML: {type(error).__name__}") from None

    def mapping(self, node: yaml.MappingNode) -> Entry:
        entry = Entry()
        entry.file, entry.line = self._file, node.start_mark.line + 1
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise self.refuse(key_node.start_mark, "a key must be text")
            if key in entry:
                raise self.refuse(key_node.start_mark, f"{key!r} stands twice")
            entry.lines[key] = key_node.start_mark.line + 1
            entry[key] = self.construct_object(value_node, deep=True)
        return entry


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.mapping)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CatalogueError(path.name, line, "not YAML: UnicodeDecodeError") from None
    except OSError as error:
        raise CatalogueError(path.name, 1, f"cannot be read: {type(error).__name__}") from None

"""YAML read strictly: every mapping knows its line, duplicate and unknown keys are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml


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
        if not all(isinstance(item, str) for item in found):
            raise self.refuse(f"{key!r} must be a list of texts", key)
        if len(set(found)) != len(found):
            raise self.refuse(f"{key!r} names something twice", key)
        return tuple(found)

    def entries(self, key: str) -> Iterator[Entry]:
        """A list of mappings."""
        for item in self.value(key, list, []):
            if not isinstance(item, Entry):
                raise self.refuse(f"{key!r} must be a list of mappings", key)
            yield item


def read(path: Path) -> Entry:
    """The document of a file. Raises ``CatalogueError``."""

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Entry:
        entry = Entry()
        entry.file, entry.line = path.name, node.start_mark.line + 1
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise CatalogueError(path.name, key_node.start_mark.line + 1, "a key must be text")
            if key in entry:
                raise CatalogueError(path.name, key_node.start_mark.line + 1, f"{key!r} stands twice")
            entry.lines[key] = key_node.start_mark.line + 1
            entry[key] = loader.construct_object(value_node, deep=True)
        return entry

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogueError(path.name, line, error.problem or "not YAML") from None
    except (yaml.YAMLError, ValueError) as error:
        # A control character, or a scalar that looks like a date and is none.
        raise CatalogueError(path.name, 1, f"not YAML: {type(error).__name__}") from None
    except OSError as error:
        raise CatalogueError(path.name, 1, f"cannot be read: {type(error).__name__}") from None
    if not isinstance(document, Entry):
        raise CatalogueError(path.name, 1, "must be a mapping")
    return document

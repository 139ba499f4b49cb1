"""What the pages about a citizen's passkeys are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exchange.pages.views import Site

PasskeyError = Literal["refused", "too_new", "full", "exists"]


@dataclass(frozen=True, slots=True)
class PasskeyShow:
    """``options`` is JSON for ``navigator.credentials.get``; ``back`` leads to the page with the one-time code."""

    site: Site
    csrf: str
    options: str
    back: str
    error: PasskeyError | None = None


@dataclass(frozen=True, slots=True)
class OwnPasskey:
    """``serves_from`` is None when it serves already."""

    id: str
    added_at: datetime
    serves_from: datetime | None


@dataclass(frozen=True, slots=True)
class PasskeyOwn:
    """``options`` is JSON for ``navigator.credentials.create``."""

    site: Site
    csrf: str
    options: str
    back: str
    passkeys: tuple[OwnPasskey, ...]
    error: PasskeyError | None = None

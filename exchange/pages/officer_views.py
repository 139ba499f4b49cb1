"""What the pages show officers on their way in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignedInPage:
    """For an officer who comes back from the identity provider. ``go_on`` is an address of ours."""

    officer: str
    counter: str
    go_on: str


@dataclass(frozen=True, slots=True)
class SignInProblemPage:
    """For an officer who comes back and is not signed in. ``again`` is where the sign-in begins."""

    code: str
    title: str
    remedy: str
    title_en: str
    remedy_en: str
    again: str
    incident: str

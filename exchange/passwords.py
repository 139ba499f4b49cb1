"""Passwords: argon2id, slow on purpose, in a pool of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# RFC 9106, the library's low-memory profile; two threads leave a core for everything else.
HASHER = PasswordHasher()
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_waiting = 0
MAX_WAITING = 64
T = TypeVar("T")


class SignInBusy(Exception):
    """Too many passwords wait to be verified."""

    retry_after_s = 2


async def hash_password(password: str) -> str:
    """Raises ``SignInBusy``."""
    return await _in_pool(lambda: HASHER.hash(password))


@cache
def _nobody() -> str:
    """A hash to compare with when there is no such officer, or one without a password: it costs the same time (A61)."""
    return HASHER.hash(secrets.token_urlsafe())


async def verified(stored: str | None, password: str) -> bool:
    """Raises ``SignInBusy``."""

    def verify() -> bool:
        try:
            return HASHER.verify(stored or _nobody(), password)
        except (VerificationError, InvalidHashError):
            return False

    return await _in_pool(verify)


async def _in_pool(work: Callable[[], T]) -> T:
    """Raises ``SignInBusy`` when too many passwords wait already (A64): the pool is slow on purpose."""
    global _waiting  # noqa: PLW0603 - counts what waits for the pool beside it
    if _waiting >= MAX_WAITING:
        raise SignInBusy
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_POOL, work)
    finally:
        _waiting -= 1

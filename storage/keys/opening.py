"""Which holder a provider URL names."""

from __future__ import annotations

from storage.keys.holders import Holders
from storage.keys.local_file import LocalFile
from storage.keys.provider import KeyProvider


def provider_for(url: str, other: str = "") -> KeyProvider:
    """The holder of the root key that ``BERKAS_ROOT_KEY`` names; ``other`` may unwrap too, while one takes the other's place.

    Raises ``RootKeyRefused`` and ``RootKeyAway``.
    """
    return Holders(_holder(url), _holder(other)) if other else _holder(url)


def _holder(url: str) -> KeyProvider:
    """A library is loaded by who names its holder."""
    scheme = url.partition(":")[0]
    if scheme == "openbao":
        from storage.keys.openbao import OpenBao

        return OpenBao.from_url(url)
    if scheme == "pkcs11":
        from storage.keys.hsm import Hsm

        return Hsm.from_url(url)
    return LocalFile.from_url(url)

"""How a paper leaves for a service, and how a caller is told (L14, L18)."""

from __future__ import annotations

from collections.abc import Callable

from exchange.requirements.catalogue import STAMPED, Catalogue


def rendition_in(catalogue: Catalogue) -> Callable[[str, str], str]:
    """Of a paper of this type for this service: original, stamped, burned_in or redacted. For a service that the catalogue does not
    know any more, stamped.
    """

    def rendition(service: str, code: str) -> str:
        known = catalogue.services.get(service)
        return known.rendition_of(code) if known else STAMPED

    return rendition


def told_rendition(rendition: str) -> str:
    """One of the contract's three words: a burned-in stamp is a stamp."""
    return STAMPED if rendition == "burned_in" else rendition

"""The texts about papers that stopped being good: filed wrongly, or overtaken by life. The house's rules for messages hold (``messages.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from exchange.pages.wording import day_words, list_words, one_line

_BECAUSE = {"wrong_person": "karena bukan milik Anda", "wrong_paper": "karena bukan dokumen yang dimaksud"}


def voided_notice(
    *, site: str, agency: str, paper: str, reason: str, receivers: Sequence[str], trail_link: str
) -> str:
    """To the citizen under whom a paper was filed wrongly. Whose it is, is not told."""
    told = (
        f"Penerima salinannya diminta menghapus: {list_words(receivers)}."
        if receivers
        else "Salinannya belum pernah diberikan kepada siapa pun."
    )
    return (
        f"{one_line(site)}: {one_line(agency)} membatalkan {one_line(paper)} pada data Anda {_BECAUSE[reason]}. "
        f"{told} Rincian: {trail_link}"
    )


def misfiled_notice(*, site: str, agency: str, paper: str, receivers: Sequence[str], trail_link: str) -> str:
    """To the owner: who could read it, never under whom it was filed (UU 27/2022 art. 46)."""
    told = (
        f"Salinannya diterima {list_words(receivers)}, yang diminta menghapusnya dalam 3 x 24 jam."
        if receivers
        else "Salinannya belum pernah diberikan kepada siapa pun."
    )
    return (
        f"{one_line(site)}: {one_line(paper)} Anda keliru disimpan pada data orang lain oleh {one_line(agency)} dan sudah "
        f"dibatalkan. {told} Rincian: {trail_link}"
    )


def stale_notice(*, site: str, agency: str, happened_on: date, trail_link: str) -> str:
    """What happened is read behind the factor, and so is which papers: both tell much about a life."""
    return (
        f"{one_line(site)}: {one_line(agency)} mencatat perubahan data Anda per {day_words(happened_on)}. Sebagian dokumen "
        f"Anda yang tersimpan perlu diperbarui. Rincian: {trail_link}"
    )

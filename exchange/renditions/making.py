"""One order, one copy. The only function that a worker is sent."""

from __future__ import annotations

from exchange.renditions.orders import (
    JPEG,
    PDF,
    PNG,
    SOURCE_LIMIT_BYTES,
    NotRenderable,
    Order,
    Rendered,
)


def made(source: bytes, order: Order) -> Rendered:
    """The same source and order give the same bytes, with the same libraries. Raises ``NotRenderable``."""
    if len(source) > SOURCE_LIMIT_BYTES:
        raise NotRenderable("too_large")
    if order.media_type == PDF:
        return Rendered(_pdf(source, order), PDF)
    if order.media_type in {JPEG, PNG}:
        from exchange.renditions.pictures import stamped_picture

        # A picture of a paper as PNG would take ten times as long: its copy is a JPEG.
        return Rendered(stamped_picture(source, order), JPEG)
    raise NotRenderable("media_type")


def _pdf(source: bytes, order: Order) -> bytes:
    from exchange.renditions.pages import stamped_pdf
    from exchange.renditions.raster import raster_pdf

    copy = stamped_pdf(source, order.mark) if order.manner == "stamped" else None
    return copy if copy is not None else raster_pdf(source, order)

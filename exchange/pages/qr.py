"""QR codes as inline SVG: no style attribute (the CSP forbids it), dark on white, with the quiet zone."""

from __future__ import annotations

import io

import segno

QUIET_ZONE_MODULES = 4
SIDE_MM = 64  # version 3 has 29 modules of 37 with the quiet zone: the symbol itself is then 50 mm wide


def qr_svg(url: str) -> str:
    """``url`` at level M, drawn to scale with the surrounding box; at least 5 cm wide on screen and paper."""
    drawing = io.BytesIO()
    segno.make(url, error="m", micro=False, boost_error=False).save(
        drawing,
        kind="svg",
        border=QUIET_ZONE_MODULES,
        dark="#000",
        light="#fff",
        xmldecl=False,
        svgns=False,
        nl=False,
        omitsize=True,
        svgclass="qr",
        lineclass=None,
    )
    size = f'<svg width="{SIDE_MM}mm" height="{SIDE_MM}mm" role="img" aria-label="Kode QR" '
    return drawing.getvalue().decode("ascii").replace("<svg ", size, 1)

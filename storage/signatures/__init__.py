"""Signatures inside of PDFs (PAdES): verified in limited workers only, against anchors that the operator pinned (L51)."""

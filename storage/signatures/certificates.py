"""What a certificate says: whose it is, under which policies, and whether its algorithms still prove anything."""

from __future__ import annotations

from collections.abc import Iterable

from asn1crypto import x509

WEAK_DIGESTS = frozenset({"md2", "md4", "md5", "sha1"})
RSA_LEAST_BITS = 2_048
EC_LEAST_BITS = 224
_TEXT_LIMIT = 100
_POLICIES_LIMIT = 8


def weak_digest(name: str) -> bool:
    return name.lower() in WEAK_DIGESTS


def is_weak(chain: Iterable[x509.Certificate]) -> bool:
    """SHA-1 and older, RSA below 2,048 bits, curves below 224; ``chain`` without its anchor, whose own signature proves nothing."""
    return any(_weak(certificate) for certificate in chain)


def _weak(certificate: x509.Certificate) -> bool:
    try:
        digest = certificate.signature_algo and certificate.hash_algo
    except ValueError:  # EdDSA brings its own
        digest = ""
    kind = certificate.public_key.algorithm
    least = {"rsa": RSA_LEAST_BITS, "rsassa_pss": RSA_LEAST_BITS, "dsa": RSA_LEAST_BITS, "ec": EC_LEAST_BITS}
    return weak_digest(digest or "") or int(certificate.public_key.bit_size) < least.get(kind, 0)


def name_of(certificate: x509.Certificate) -> str:
    """Common name and organization, printable and short: whoever made the certificate wrote them."""
    subject = certificate.subject.native
    parts = [subject.get("common_name"), subject.get("organization_name")]
    text = ", ".join(part for part in parts if isinstance(part, str) and part)
    return "".join(sign if sign.isprintable() else " " for sign in text)[:_TEXT_LIMIT]


def policies_of(certificate: x509.Certificate) -> list[str]:
    value = certificate.certificate_policies_value
    found = [] if value is None else [policy["policy_identifier"].dotted for policy in value]
    return found[:_POLICIES_LIMIT]

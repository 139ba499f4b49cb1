"""The table of bad tokens: (name, type asked for, token, reason). Ids are those of ``attacks-and-faults.md`` 4.1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth.keys import public_jwk
from auth.tokens import ACCESS, CONSENT, RECEIPT, TICKET, Profile
from tests.auth.forging import (
    AUDIENCE,
    ISSUER,
    KEYS,
    NOW_S,
    STRANGER,
    b64,
    forge,
    forge_hmac,
    good_claims,
    header_of,
    part,
    respelled,
    signing_key,
    unb64,
    with_raw_claim,
)

P384 = ec.derive_private_key(0x5EED, ec.SECP384R1())


@dataclass(frozen=True)
class Attack:
    name: str
    profile: Profile
    token: Any
    reason: str


def attacks() -> list[Attack]:
    return [
        *algorithms(),
        *kids(),
        *headers(),
        *times(),
        *names(),
        *changed(),
        *spellings(),
        *hostile(),
        *encrypted(),
    ]


def algorithms() -> Iterator[Attack]:
    for alg in ("none", "None", "nOnE", "ES384", "RS256", "HS256", "es256", "", "XHS2565"):
        yield Attack(
            f"A01 alg {alg!r}", ACCESS, forge(ACCESS, header=header_of(ACCESS) | {"alg": alg}), "alg"
        )
    others: dict[str, Any] = {"null": None, "a list": ["ES256"], "a number": 256, "an object": {"ES256": 1}}
    for name, value in others.items():
        yield Attack(
            f"A01 alg is {name}", ACCESS, forge(ACCESS, header=header_of(ACCESS) | {"alg": value}), "alg"
        )
    without = {"typ": "at+jwt", "kid": KEYS["access"].kid}
    yield Attack("A01 no alg", ACCESS, forge(ACCESS, header=without), "alg")
    unsigned = f"{part(header_of(ACCESS) | {'alg': 'none'})}.{part(good_claims(ACCESS))}."
    yield Attack("A01 alg none, empty signature", ACCESS, unsigned, "segment_not_canonical")
    head = ".".join(forge(ACCESS).split(".")[:2])
    yield Attack("A01 ES256, empty signature", ACCESS, f"{head}.", "segment_not_canonical")
    yield Attack("A01 ES256, no signature", ACCESS, head, "not_three_segments")
    yield Attack("A01 a signature of zeros", ACCESS, f"{head}.{b64(bytes(64))}", "signature")
    yield Attack(
        "A01 r is 1, s is 0", ACCESS, head + "." + b64((1).to_bytes(32, "big") + bytes(32)), "signature"
    )
    yield Attack("A01 a signature of 63 bytes", ACCESS, f"{head}.{b64(bytes(63))}", "signature_length")
    public = KEYS["access"].public.public_key
    secrets = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "raw point": public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "SSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK text": json.dumps(public_jwk(KEYS["access"].public)).encode(),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        yield Attack(f"A02 HS256 with our public key as {name}", ACCESS, forge_hmac(ACCESS, secret), "alg")
    yield Attack(
        "A02 a MAC under alg ES256", ACCESS, forge_hmac(ACCESS, secrets["DER"], "ES256"), "signature_length"
    )


def kids() -> Iterator[Attack]:
    other = signing_key("access", "berkas TEST ONLY another issuer").kid
    values: dict[str, Any] = {
        "a path": "../../dev/null",
        "SQL": "' OR 1=1--",
        "unknown": "doc-2026-2",
        "of another issuer": other,
        "empty": "",
        "null": None,
        "a number": 1,
        "a list": [KEYS["access"].kid],
        "an object": {"kid": KEYS["access"].kid},
        "of another purpose": KEYS["document"].kid,
        "padded with a space": KEYS["access"].kid + " ",
    }
    for name, kid in values.items():
        yield Attack(f"A03 kid {name}", ACCESS, forge(ACCESS, header=header_of(ACCESS) | {"kid": kid}), "kid")
    without = {"alg": "ES256", "typ": "at+jwt"}
    yield Attack("A03 no kid", ACCESS, forge(ACCESS, header=without), "kid")
    yield Attack(
        "A03 kid of 10 KB", TICKET, forge(TICKET, header=header_of(TICKET) | {"kid": "k" * 10_240}), "kid"
    )
    yield Attack("A03 our kid, a stranger's signature", ACCESS, forge(ACCESS, key=STRANGER), "signature")
    by_document_key = forge(
        ACCESS, header=header_of(TICKET) | {"typ": "at+jwt"}, key=KEYS["document"].private_key
    )
    yield Attack("A03 an access token signed by the document key", ACCESS, by_document_key, "kid")
    yield Attack("A12 P-384 under ES256", ACCESS, forge(ACCESS, key=P384), "signature_length")


def headers() -> Iterator[Attack]:
    jwk = public_jwk(signing_key("access", "berkas TEST ONLY stranger").public)
    members: dict[str, Any] = {
        "jku": "http://127.0.0.1:1/jwks.json",
        "x5u": "http://127.0.0.1:1/cert.pem",
        "x5c": ["MIIB"],
        "jwk": jwk,
        "crit": ["exp"],
        "zip": "DEF",
        "b64": False,
        "enc": "A256GCM",
        "cty": "JWT",
        "x": 1,
    }
    for name, value in members.items():
        token = forge(ACCESS, header=header_of(ACCESS) | {name: value})
        yield Attack(f"A04 {name} in the header", ACCESS, token, "header_members")
    own_key = forge(ACCESS, header={"alg": "ES256", "typ": "at+jwt", "jwk": jwk}, key=STRANGER)
    yield Attack("A04 signed by the key it brings along", ACCESS, own_key, "header_members")
    text = json.dumps(header_of(ACCESS))
    raw: dict[str, tuple[bytes, str]] = {
        "alg twice": (text.replace("{", '{"alg": "none", ', 1).encode(), "json_duplicate_member"),
        "a list": (b'["ES256"]', "json_not_an_object"),
        "a string": (b'"ES256"', "json_not_an_object"),
        "null": (b"null", "json_not_an_object"),
        "cut off": (text[:-1].encode(), "json_malformed"),
        "in UTF-16": (text.encode("utf-16"), "json_malformed"),
        "with a byte order mark": (text.encode("utf-8-sig"), "json_malformed"),
        "not UTF-8": (b'{"alg":"\xff"}', "json_malformed"),
        "with NaN": (text.replace("}", ', "x": NaN}').encode(), "json_number"),
        "with a raw NUL": (text.replace("at+jwt", "at+jwt\x00").encode(), "json_malformed"),
        "with an escaped NUL": (text.replace("at+jwt", "at+jwt\\u0000").encode(), "json_text"),
        "with half a surrogate pair": (text.replace("at+jwt", "\\ud800").encode(), "json_text"),
    }
    for name, (header, reason) in raw.items():
        yield Attack(f"A04 a header {name}", ACCESS, forge(ACCESS, header=header), reason)


def times() -> Iterator[Attack]:
    changes: dict[str, tuple[dict[str, Any], str]] = {
        "expired by exactly the leeway": ({"iat": NOW_S - 330, "exp": NOW_S - 30}, "expired"),
        "expired by the leeway + 1 s": ({"iat": NOW_S - 331, "exp": NOW_S - 31}, "expired"),
        "nbf ahead": ({"nbf": NOW_S + 31}, "not_yet_valid"),
        "iat ahead": ({"iat": NOW_S + 31}, "issued_ahead"),
        "a life of 301 s": ({"exp": NOW_S + 301}, "life"),
        "a life over 15 min": ({"exp": NOW_S + 901}, "life"),
        "exp before iat": ({"exp": NOW_S - 1}, "life"),
        "exp is iat": ({"exp": NOW_S}, "life"),
        "signed before its key's time": (
            {"iat": NOW_S - 40 * 86_400, "exp": NOW_S - 40 * 86_400 + 300},
            "key_period",
        ),
        "exp beyond 33 bits": ({"exp": 2**33}, "time_type"),
        "iat zero": ({"iat": 0}, "time_type"),
        "nbf a string": ({"nbf": "0"}, "time_type"),
        "nbf null": ({"nbf": None}, "time_type"),
    }
    for name, (change, reason) in changes.items():
        yield Attack(f"A05 {name}", ACCESS, forge(ACCESS, good_claims(ACCESS) | change), reason)
    written: dict[str, tuple[str, str]] = {
        "a string": (f'"{NOW_S + 300}"', "time_type"),
        "true": ("true", "time_type"),
        "null": ("null", "time_type"),
        "a list": (f"[{NOW_S + 300}]", "time_type"),
        "a fraction": (f"{NOW_S + 300}.0", "json_number"),
        "1e400": ("1e400", "json_number"),
        "NaN": ("NaN", "json_number"),
        "Infinity": ("Infinity", "json_number"),
        "of 900 digits": ("9" * 900, "time_type"),
        "negative": ("-1", "time_type"),
    }
    for name, (text, reason) in written.items():
        for claim in ("exp", "iat"):
            payload = with_raw_claim(ACCESS, claim, text)
            yield Attack(f"A05 {claim} {name}", ACCESS, forge(ACCESS, payload), reason)
    yield Attack(
        "A05 a record from the future",
        RECEIPT,
        forge(RECEIPT, good_claims(RECEIPT) | {"iat": NOW_S + 31}),
        "issued_ahead",
    )


def names() -> Iterator[Attack]:
    for profile in (ACCESS, TICKET, RECEIPT):
        for claim in sorted(profile.required):
            left = {name: value for name, value in good_claims(profile).items() if name != claim}
            name = f"A05-A06 {profile.typ} without {claim}"
            yield Attack(name, profile, forge(profile, left), "claim_missing")
    values: dict[str, tuple[str, Any]] = {
        "aud a list of ours": ("aud", [AUDIENCE]),
        "aud a list of ours and another": ("aud", [AUDIENCE, "https://other.example"]),
        "aud of another environment": ("aud", "https://staging.example.go.id/v1"),
        "aud with a slash": ("aud", AUDIENCE + "/"),
        "aud null": ("aud", None),
        "aud empty": ("aud", ""),
        "iss another": ("iss", "https://evil.example"),
        "iss with a slash": ("iss", ISSUER + "/"),
        "iss a list": ("iss", [ISSUER]),
        "iss in capitals": ("iss", ISSUER.upper()),
        "jti of 15 characters": ("jti", "x" * 15),
        "jti of 65 characters": ("jti", "x" * 65),
        "jti a number": ("jti", 1234567890123456),
        "jti with a line break": ("jti", "0123456789abcdef\n"),
        "sub a number": ("sub", 7),
        "sub empty": ("sub", ""),
        "scope a list": ("scope", ["tickets.issue"]),
        "client_id of 2,000 characters": ("client_id", "x" * 2_000),
        "cnf empty": ("cnf", {}),
        "cnf with a whole key": ("cnf", {"jwk": {"kty": "EC"}}),
        "cnf.jkt too short": ("cnf", {"jkt": "abc"}),
    }
    for name, (claim, value) in values.items():
        yield Attack(f"A06 {name}", ACCESS, forge(ACCESS, good_claims(ACCESS) | {claim: value}), claim)
    for claim in ("exp", "nbf", "aud", "scope", "cnf", "client_id"):
        record = good_claims(CONSENT) | {claim: good_claims(ACCESS).get(claim, NOW_S)}
        yield Attack(f"A06 a record with {claim}", CONSENT, forge(CONSENT, record), "claim_not_allowed")


def changed() -> Iterator[Attack]:
    header, payload, signature = forge(ACCESS).split(".")
    more = part(good_claims(ACCESS) | {"scope": "everything"})
    yield Attack(
        "A08 another payload, the old signature", ACCESS, f"{header}.{more}.{signature}", "signature"
    )
    second = forge(ACCESS, good_claims(ACCESS) | {"jti": "at-another-0123456789"}).split(".")
    yield Attack("A08 the signature of another token", ACCESS, f"{header}.{payload}.{second[2]}", "signature")
    yield Attack("A08 the payload of another token", ACCESS, f"{header}.{second[1]}.{signature}", "signature")
    ticket = forge(TICKET).split(".")
    yield Attack(
        "A08 a ticket's payload and signature", ACCESS, f"{header}.{ticket[1]}.{ticket[2]}", "signature"
    )
    yield Attack(
        "A08 header and payload swapped", ACCESS, f"{payload}.{header}.{signature}", "header_members"
    )
    r, s = unb64(signature)[:32], unb64(signature)[32:]
    yield Attack(
        "A08 r and s swapped",
        ACCESS,
        f"{header}.{payload}.{b64(bytes(1) + s[1:] + bytes(1) + r[1:])}",
        "signature",
    )


def spellings() -> Iterator[Attack]:
    good = forge(ACCESS)
    header, payload, signature = good.split(".")
    yield Attack("A09 high s", ACCESS, forge(ACCESS, high_s=True), "signature_high_s")
    texts = {
        "spare bits set": respelled(good),
        "padding": good + "==",
        "a line break at the end": good + "\n",
        "a space in front": " " + good,
        "a line break inside": f"{header}.{payload[:9]}\n{payload[9:]}.{signature}",
        "an ignored character inside": f"{header}.{payload[:9]}!{payload[9:]}.{signature}",
        "the other base64 alphabet": f"{header}.{payload}.{signature.replace('-', '+').replace('_', '/')}+",
        "a segment of 4n + 1 characters": f"{header}.{payload}.{signature}AAA",
    }
    for name, token in texts.items():
        yield Attack(f"A09 {name}", ACCESS, token, "segment_not_canonical")
    spaced = json.dumps(good_claims(ACCESS), indent=1).encode()
    yield Attack(
        "A09 the same claims with other spaces", ACCESS, f"{header}.{part(spaced)}.{signature}", "signature"
    )
    twice = with_raw_claim(ACCESS, "x", "1")[:-1] + b',"x":2}'
    yield Attack("A09 a member twice", ACCESS, forge(ACCESS, twice), "json_duplicate_member")
    nested = with_raw_claim(ACCESS, "cnf", '{"jkt":"a","jkt":"b"}')
    yield Attack("A09 a nested member twice", ACCESS, forge(ACCESS, nested), "json_duplicate_member")


def hostile() -> Iterator[Attack]:
    good = forge(ACCESS)
    deep_header = json.dumps(header_of(TICKET))[:-1] + ',"x":' + "[" * 1_500 + "]" * 1_500 + "}"
    yield Attack(
        "A10 a header 1,500 deep", TICKET, forge(TICKET, header=deep_header.encode()), "json_too_deep"
    )
    deep = with_raw_claim(TICKET, "docs", "[" * 1_500 + "]" * 1_500)
    yield Attack("A10 a payload 1,500 deep", TICKET, forge(TICKET, deep), "json_too_deep")
    wide = with_raw_claim(CONSENT, "items", "[" + ",".join(["{}"] * 64) + "]")
    yield Attack("A10 66 brackets", CONSENT, forge(CONSENT, wide), "json_too_deep")
    yield Attack("A10 10 MB", ACCESS, "A" * 10_000_000, "too_long")
    yield Attack(
        "A10 one character over the limit",
        ACCESS,
        forge(ACCESS) + "A" * (4_097 - len(forge(ACCESS))),
        "too_long",
    )
    yield Attack("A10 16,384 dots", TICKET, "." * 16_384, "not_three_segments")
    texts: dict[str, tuple[Any, str]] = {
        "NUL": ("\x00", "not_three_segments"),
        "NUL inside": (good[:20] + "\x00" + good[20:], "segment_not_canonical"),
        "half a surrogate pair": (good + "\ud800", "not_ascii"),
        "a full-width letter": (good[:-1] + "\uff21", "not_ascii"),
        "an Arabic digit": (good[:-1] + "\u0661", "not_ascii"),
        "4 segments": (good + ".AAAA", "not_three_segments"),
        "5 segments": (good + ".AAAA.AAAA", "not_three_segments"),
        "an empty text": ("", "not_three_segments"),
        "two dots": ("..", "segment_not_canonical"),
        "bytes": (good.encode(), "not_text"),
        "None": (None, "not_text"),
        "a number": (7, "not_text"),
        "a list": ([good], "not_text"),
    }
    for name, (token, reason) in texts.items():
        yield Attack(f"A10 {name}", ACCESS, token, reason)
    payloads: dict[str, tuple[bytes, str]] = {
        "a list": (b"[]", "json_not_an_object"),
        "a number": (b"1", "json_not_an_object"),
        "nothing but spaces": (b"  ", "json_malformed"),
        "5,000 digits": (b'{"exp":' + b"9" * 5_000 + b"}", "json_malformed"),
        "an escaped NUL in a name": (with_raw_claim(TICKET, "a\x00", "1"), "json_text"),
    }
    for name, (payload, reason) in payloads.items():
        yield Attack(f"A10 a payload of {name}", TICKET, forge(TICKET, payload), reason)


def encrypted() -> Iterator[Attack]:
    """JWE shapes (RFC 7516) written by hand: five segments never get as far as their header."""
    for alg, more in {"dir": {}, "RSA1_5": {}, "PBES2-HS256+A128KW": {"p2c": 2**31, "p2s": "AAAA"}}.items():
        header = {"alg": alg, "enc": "A256GCM", "typ": "at+jwt", "kid": KEYS["access"].kid, **more}
        token = ".".join([part(header), "AAAA", "AAAA", "AAAA", "AAAA"])
        yield Attack(f"A11 JWE {alg}", ACCESS, token, "not_three_segments")
    bomb = {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}
    token = ".".join([part(bomb), "AAAA", "AAAA", "A" * 13_700, "AAAA"])
    yield Attack("A11 a JWE zip bomb of 13.7 KB", TICKET, token, "not_three_segments")
    three = forge(ACCESS, header={"alg": "dir", "enc": "A256GCM", "zip": "DEF", "typ": "at+jwt"})
    yield Attack("A11 a JWE header on three segments", ACCESS, three, "header_members")

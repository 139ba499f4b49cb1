"""An authenticator in software, after WebAuthn Level 3, and the browser around it: one passkey, honest unless a test twists it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import cbor2
import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.world import PASSWORD, OfficerAt, World

UP, UV, AT, ED = 0x01, 0x04, 0x40, 0x80
ES256, EDDSA, RS256 = -7, -8, -257
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_key(algorithm: int) -> Key:
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def cose(key: Key) -> dict[int, Any]:
    """RFC 9053 7, RFC 8230 4."""
    public: Any = key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = public.public_numbers()
        curve = {256: 1, 384: 2, 521: 3}[key.curve.key_size]
        size = (key.curve.key_size + 7) // 8
        return {1: 2, 3: ES256, -1: curve, -2: numbers.x.to_bytes(size), -3: numbers.y.to_bytes(size)}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()}
    numbers = public.public_numbers()
    return {1: 3, 3: RS256, -1: numbers.n.to_bytes(key.key_size // 8), -2: numbers.e.to_bytes(3)}


def signature(key: Key, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


@dataclass
class Authenticator:
    """``count`` is the next sign count; None for one that never counts, as synchronised passkeys do."""

    origin: str
    algorithm: int = ES256
    count: int | None = 1
    key: Key = field(init=False)
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""

    def __post_init__(self) -> None:
        self.key = new_key(self.algorithm)

    @property
    def credential_id(self) -> str:
        return b64(self.id)

    def create(self, options: dict[str, Any], **twists: Any) -> dict[str, Any]:
        """``RegistrationResponseJSON``."""
        self.handle = raw(options["user"]["id"])
        client = self._client("webauthn.create", options["challenge"], twists)
        key = twists.get("cose") or cbor2.dumps(cose(self.key))
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + key
        data = self._data(twists, UP | UV | AT) + attested + twists.get("behind", b"")
        statement = {}
        if twists.get("fmt") == "packed":
            signed = signature(self.key, data + hashlib.sha256(client).digest())
            statement = {"alg": self.algorithm, "sig": signed, **twists.get("statement", {})}
        attestation = {"fmt": twists.get("fmt", "none"), "attStmt": statement, "authData": data}
        return self._shown(
            {"attestationObject": b64(twists.get("attestation") or cbor2.dumps(attestation))}, client
        )

    def get(self, options: dict[str, Any], **twists: Any) -> dict[str, Any]:
        """``AuthenticationResponseJSON``."""
        client = self._client("webauthn.get", options["challenge"], twists)
        data = self._data(twists, UP | UV) + twists.get("behind", b"")
        signed = signature(twists.get("key", self.key), data + hashlib.sha256(client).digest())
        members = {
            "authenticatorData": b64(data),
            "signature": b64(signed),
            "userHandle": b64(twists.get("handle", self.handle)),
        }
        return self._shown(members, client)

    def _client(self, kind: str, challenge: str, twists: dict[str, Any]) -> bytes:
        members = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(members | twists.get("client", {})).encode()

    def _data(self, twists: dict[str, Any], flags: int) -> bytes:
        host = str(twists.get("rp_id", urlsplit(self.origin).hostname))
        shown = int(twists.get("count", self.count or 0))
        if self.count is not None and "count" not in twists:
            self.count += 1
        return (
            hashlib.sha256(host.encode()).digest()
            + bytes([twists.get("flags", flags)])
            + shown.to_bytes(4, "big")
        )

    def _shown(self, members: dict[str, str], client: bytes) -> dict[str, Any]:
        return {
            "id": self.credential_id,
            "rawId": self.credential_id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {"clientDataJSON": b64(client), **members},
        }


async def creation_options(officer: OfficerAt, **again: Any) -> dict[str, Any]:
    answer = await officer.post("/v1/session/passkeys/options", json=again or {"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def keeps(officer: OfficerAt, credential: dict[str, Any], name: str = "Kunci loket") -> httpx.Response:
    return await officer.post("/v1/session/passkeys", json={"name": name, "credential": credential})


async def enrolled(world: World, officer: OfficerAt, **how: Any) -> tuple[Authenticator, list[str]]:
    """(authenticator, recovery codes) of an officer who has no factor yet."""
    device = Authenticator(world.origin, **how)
    answer = await keeps(officer, device.create(await creation_options(officer)))
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == device.credential_id
    return device, answer.json()["recovery_codes"]


async def request_options(world: World) -> dict[str, Any]:
    answer = await world.client.post("/v1/session/passkey/options")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def shows(world: World, assertion: dict[str, Any]) -> httpx.Response:
    """To a browser of its own."""
    return await world.browser().post("/v1/session/passkey", json=assertion)


async def signs_in(world: World, device: Authenticator, **twists: Any) -> httpx.Response:
    return await shows(world, device.get(await request_options(world), **twists))

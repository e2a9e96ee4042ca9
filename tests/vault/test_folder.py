"""What the folder store promises beyond every store: privacy, links, leftovers, processes, kill -9, full disks."""

# ruff: noqa: ASYNC240, PTH208, S603  # a test blocks nobody; names are what it compares; it starts its own processes

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluvault.errors import (
    InvalidKey,
    NotAVault,
    ObjectExists,
    ObjectNotFound,
    StorageDenied,
    StoreUnavailable,
)
from cluvault.vault.folder import FolderStore
from tests.support import folder_writer
from tests.support.folder_writer import BODY, KEY
from tests.support.snapshots import everything

WRITER = Path(folder_writer.__file__)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(WRITER.parents[2])}


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a process of folder_writer.py."""
    command = [sys.executable, str(WRITER), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)


def run(*arguments: object) -> list[str]:
    """Run a process of folder_writer.py and return the lines that it prints."""
    with start(*arguments) as process:
        lines = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    return lines


def modes(folder: Path) -> dict[str, str]:
    """The permission bits of everything below a folder, itself included."""
    return {str(path.relative_to(folder)): oct(path.lstat().st_mode)[-3:] for path in [folder, *folder.rglob("*")]}


async def test_everything_is_private(folder: Path) -> None:
    """Folders are 0700 and files 0600, whatever the umask: a vault holds years of user data."""
    before = os.umask(0)
    try:
        await FolderStore(folder / "new").put_new("a/b", b"body")
    finally:
        os.umask(before)
    assert modes(folder) == {".": "700", "new": "700", "new/.tmp": "700", "new/a": "700", "new/a/b": "600"}


async def test_reading_makes_nothing(folder: Path) -> None:
    """A folder that does not exist is an empty store, and stays absent until the first write."""
    store = FolderStore(folder)
    assert await everything(store) == {}
    with pytest.raises(ObjectNotFound):
        await store.get("a")
    await store.delete("a")
    assert not folder.exists()


async def test_a_relative_path_means_one_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store stays where it was opened, though the process changes its directory."""
    monkeypatch.chdir(folder.parent)
    store = FolderStore("vault")
    monkeypatch.chdir("/")
    await store.put_new("a", b"body")
    assert (folder / "a").read_bytes() == b"body"
    assert store.url == folder.resolve().as_uri()


async def test_unfinished_writes_are_not_listed(folder: Path) -> None:
    """What a killed process left in `.tmp` is no object."""
    store = FolderStore(folder)
    await store.put_new("a", b"body")
    (folder / ".tmp" / "0123.new").write_bytes(b"half")
    assert await everything(store) == {"a": b"body"}


async def test_leftovers_of_a_day_ago_are_removed(folder: Path) -> None:
    """The next write removes what is older than a day, and nothing that may still be written."""
    store = FolderStore(folder)
    await store.put_new("a", b"body")
    for name, age in (("old.new", 25 * 3600), ("young.new", 23 * 3600)):
        file = folder / ".tmp" / name
        file.write_bytes(b"half")
        then = file.stat().st_mtime - age
        os.utime(file, (then, then))
    await store.put_new("b", b"body")
    assert os.listdir(folder / ".tmp") == ["young.new"]


async def test_a_successful_write_leaves_no_second_name(folder: Path) -> None:
    """Neither does a refused one."""
    store = FolderStore(folder)
    await store.put_new("a", b"body")
    with pytest.raises(ObjectExists):
        await store.put_new("a", b"other")
    assert os.listdir(folder / ".tmp") == []
    assert (folder / "a").stat().st_nlink == 1


async def test_delete_removes_folders_that_become_empty(folder: Path) -> None:
    """As far as they are empty, but never the vault's own."""
    store = FolderStore(folder)
    await store.put_new("a/b/c", b"body")
    await store.put_new("a/d", b"body")
    await store.delete("a/b/c")
    assert sorted(os.listdir(folder / "a")) == ["d"]
    await store.delete("a/d")
    assert os.listdir(folder) == [".tmp"]


# --- what other people put there -----------------------------------------------------------------------------------


@pytest.fixture
async def linked(folder: Path, tmp_path: Path) -> FolderStore:
    """A vault with links out of it: a folder, a file, and one that leads nowhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    store = FolderStore(folder)
    await store.put_new("real/object", b"body")
    (folder / "folder").symlink_to(outside)
    (folder / "real" / "file").symlink_to(outside / "secret")
    (folder / "loop").symlink_to(folder / "loop")
    return store


@pytest.mark.parametrize("key", ["folder/secret", "real/file", "loop", "loop/x"])
async def test_links_are_not_read_through(linked: FolderStore, key: str) -> None:
    """A key that leads through a symbolic link is refused, not followed."""
    with pytest.raises(StorageDenied, match="symbolic link"):
        await linked.get(key)


async def test_links_are_not_written_through(linked: FolderStore, tmp_path: Path) -> None:
    """Nothing is written, replaced or deleted outside the vault."""
    with pytest.raises(StorageDenied, match="symbolic link"):
        await linked.put_new("folder/new/object", b"body")
    with pytest.raises(StorageDenied, match="symbolic link"):
        await linked.delete("folder/secret")
    with pytest.raises(ObjectExists):
        await linked.put_new("real/file", b"body")
    await linked.delete("real/file")
    assert [path.read_text() for path in (tmp_path / "outside").rglob("*")] == ["secret"]


async def test_links_are_not_listed(linked: FolderStore) -> None:
    """They are nothing that a vault wrote; a listing that would begin behind one says so."""
    assert await everything(linked) == {"real/object": b"body"}
    with pytest.raises(StorageDenied, match="symbolic link"):
        assert [found async for found in linked.list("folder/")]


async def test_the_vault_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    """The user's own path is the user's business."""
    (tmp_path / "disk").mkdir()
    folder.symlink_to(tmp_path / "disk")
    await FolderStore(folder).put_new("a", b"body")
    assert (tmp_path / "disk" / "a").read_bytes() == b"body"


async def test_pipes_and_unreadable_names_are_no_objects(folder: Path) -> None:
    """A pipe is neither listed nor waited for; a name that is no text or no key is passed over."""
    store = FolderStore(folder)
    await store.put_new("a", b"body")
    os.mkfifo(folder / "pipe")
    (folder / "back\\slash").touch()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).touch()
    (folder / "lost+found").mkdir()
    (folder / "lost+found" / "#123").touch()
    assert await everything(store) == {"a": b"body"}
    with pytest.raises(ObjectNotFound):
        await store.get("pipe")


async def test_a_file_that_vanishes_while_it_is_listed(folder: Path) -> None:
    """It is left out, though its name was seen before."""
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}").touch()
    listing = aiter(FolderStore(folder).list())
    first = await anext(listing)
    (folder / "299").unlink()
    assert [first.key, *[found.key async for found in listing]] == [f"{number:03}" for number in range(299)]


async def test_a_file_where_the_vault_should_be(folder: Path) -> None:
    """Every way in says that a folder is wanted, and the file stays."""
    folder.write_text("a file")
    store = FolderStore(folder)
    with pytest.raises(ObjectNotFound):
        await store.get("a")
    with pytest.raises(NotAVault, match="in the way"):
        await store.put_new("a", b"body")
    with pytest.raises(NotAVault, match="in the way"):
        await everything(store)
    assert folder.read_text() == "a file"


async def test_a_key_below_an_object(folder: Path) -> None:
    """A file system holds a file or a folder under one name: the object stays, the error names the path."""
    store = FolderStore(folder)
    await store.put_new("a", b"body")
    with pytest.raises(NotAVault, match="/a/b"):
        await store.put_new("a/b", b"body")
    assert await everything(store) == {"a": b"body"}


async def test_a_name_that_the_file_system_cannot_hold(folder: Path) -> None:
    """More than 255 bytes between two slashes: refused, and no empty folder stays behind."""
    with pytest.raises(InvalidKey, match="too long"):
        await FolderStore(folder).put_new("a/" + "x" * 256 + "/b", b"body")
    assert os.listdir(folder) == [".tmp"]


async def test_a_broken_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that may pass is StoreUnavailable, names the path, and leaves nothing listed."""
    store = FolderStore(folder)
    await store.put_new("a", b"body")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreUnavailable, match=r"vault/b: input/output error") as caught:
        await store.put_new("b", b"body")
    assert caught.value.retryable
    assert await everything(store) == {"a": b"body"}
    assert os.listdir(folder / ".tmp") == []


async def test_a_folder_that_vanishes_again_and_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer gives up with an error that may pass instead of trying for ever."""

    def vanished(_source: object, _target: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "link", vanished)
    with pytest.raises(StoreUnavailable, match="removed as often"):
        await FolderStore(folder).put_new("a/b", b"body")
    assert os.listdir(folder) == [".tmp"]


# --- other processes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", [[], ["--no-links"]], ids=["links", "no-links"])
async def test_two_processes_never_both_win(folder: Path, links: list[str]) -> None:
    """Each of 200 keys is won by exactly one process, and holds that one's body."""
    writers = {name: start("race", folder, 200, name, *links) for name in ("first", "second")}
    won: dict[str, set[str]] = {}
    for writer in writers.values():
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers.values():
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for name, writer in writers.items():
        with writer:
            won[name] = set(writer.communicate(timeout=60)[0].split())
    assert not won["first"] & won["second"]
    expected = {key: name.encode() for name, keys in won.items() for key in keys}
    assert await everything(FolderStore(folder)) == expected
    assert len(expected) == 200


@pytest.mark.parametrize("links", [[], ["--no-links"]], ids=["links", "no-links"])
async def test_killed_at_any_call_of_the_system(tmp_path: Path, links: list[str]) -> None:
    """A kill -9 before the 1st, 2nd, … call of a write leaves the whole object or none, and the next completes."""
    points = int(run("killed", tmp_path, *links)[0])
    assert points > 8
    outcomes: set[bool] = set()
    for number in range(1, points + 1):
        store = FolderStore(tmp_path / str(number))
        left = await everything(store)
        assert left in ({}, {KEY: BODY})
        outcomes.add(bool(left))
        if left:
            with pytest.raises(ObjectExists):
                await store.put_new(KEY, BODY)
        else:
            await store.put_new(KEY, BODY)
        assert await everything(store) == {KEY: BODY}
    assert outcomes == {True, False}


def test_a_file_size_limit(folder: Path) -> None:
    """A quota on the size of files is StorageFull, and nothing half-written stays, listed or not."""
    (line,) = run("fill", folder, 5000, 1000)
    assert line.startswith(f"StorageFull: {folder}/{KEY}: cannot be stored: file too large; make room")
    assert [path.name for path in folder.rglob("*")] == [".tmp"]


def test_a_full_disk(folder: Path) -> None:
    """A disk that is really full is StorageFull; nothing half-written stays, and smaller things still fit."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare to mount a small disk with")
    folder.mkdir()
    script = (
        'mount -t tmpfs -o size=64k tmpfs "$0" || exit 77\n'
        '"$1" "$2" fill "$0/vault" 200000 && find "$0/vault" && "$1" "$2" fill "$0/vault" 1000'
    )
    command = [unshare, "--map-root-user", "--mount", "sh", "-c", script, str(folder), sys.executable, str(WRITER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this user may not mount a small disk")
    full, *left, again = done.stdout.splitlines()
    assert full.startswith(f"StorageFull: {folder}/vault/{KEY}: cannot be stored: no space left on device")
    assert left == [f"{folder}/vault", f"{folder}/vault/.tmp"]
    assert again == "done"


async def test_a_user_without_rights(folder: Path) -> None:
    """Reading, writing, deleting and listing are each StorageDenied with the path, and the object stays."""
    store = FolderStore(folder)
    await store.put_new(KEY, BODY)
    folder.chmod(0)
    lines = run("stranger", folder)
    folder.chmod(0o700)
    assert [line.split(":")[0] for line in lines] == ["StorageDenied"] * 4
    assert all(str(folder) in line and "permission denied" in line for line in lines)
    assert await everything(store) == {KEY: BODY}

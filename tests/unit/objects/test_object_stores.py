"""What both kinds of object store promise: whole or not at all, one content a name, names that lead nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from support.kms import CREDENTIALS
from support.objects_server import ObjectsServer

from portazgo.kit.objects import ObjectDiffers, ObjectMissing, ObjectStore, open_store
from portazgo.kit.objects.local import PARTIAL
from portazgo.kit.objects.s3 import MULTIPART_BYTES
from portazgo.kit.objects.uri import Folder

CONTENT = b"a segment's bytes"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectsServer]:
    with ObjectsServer(tmp_path_factory.mktemp("objects")) as running:
        yield running


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "folder":
        return open_store(Folder(tmp_path / "objects"))
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server: ObjectsServer = request.getfixturevalue("server")
    return open_store(server.place(prefix=str(uuid4())))


def test_what_was_put_is_read_whole_and_in_part(store: ObjectStore) -> None:
    assert store.put("lake/day=2026-11-26/a.parquet", CONTENT)
    assert store.size("lake/day=2026-11-26/a.parquet") == len(CONTENT)
    assert store.get("lake/day=2026-11-26/a.parquet") == CONTENT
    assert store.get("lake/day=2026-11-26/a.parquet", start=2, length=7) == b"segment"
    assert store.get("lake/day=2026-11-26/a.parquet", start=12) == b"bytes"
    assert store.get("lake/day=2026-11-26/a.parquet", start=12, length=1_000) == b"bytes"
    assert store.get("lake/day=2026-11-26/a.parquet", start=1_000) == b""
    assert store.put("empty", b"")
    assert (store.get("empty"), store.size("empty")) == (b"", 0)


def test_a_name_has_one_content_for_ever(store: ObjectStore) -> None:
    assert store.put("one", CONTENT)
    assert not store.put("one", CONTENT)
    with pytest.raises(ObjectDiffers, match="one is there already, with other content"):
        store.put("one", b"other bytes")
    assert store.get("one") == CONTENT


def test_of_many_that_write_a_name_at_once_one_wins_and_its_bytes_stay(store: ObjectStore) -> None:
    contents = [bytes([number]) * 100_000 for number in range(6)]

    def attempt(content: bytes) -> bool:
        try:
            return store.put("contested", content)
        except ObjectDiffers:
            return False

    with ThreadPoolExecutor(6) as threads:
        won = list(threads.map(attempt, contents))
    assert won.count(True) == 1
    assert store.get("contested") == contents[won.index(True)]


def test_files_of_any_size_go_there_and_come_back(store: ObjectStore, tmp_path: Path) -> None:
    for size in (0, 17, MULTIPART_BYTES + 500_000):
        content = os.urandom(size)
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(content)
        assert store.put_file(f"file-{size}", source)
        assert not store.put_file(f"file-{size}", source)
        store.get_file(f"file-{size}", target)
        assert target.read_bytes() == content
        assert target.stat().st_mode & 0o777 == 0o600
        source.write_bytes(b"x" + content)
        with pytest.raises(ObjectDiffers):
            store.put_file(f"file-{size}", source)
        assert store.size(f"file-{size}") == size


def test_what_is_not_there_is_told_and_leaves_nothing_behind(store: ObjectStore, tmp_path: Path) -> None:
    store.put("there", CONTENT)
    assert store.size("absent") is None
    assert store.size("there/absent") is None
    for read in (lambda: store.get("absent"), lambda: store.get_file("absent", tmp_path / "target")):
        with pytest.raises(ObjectMissing) as told:
            read()
        assert "absent" in told.value.sentence
    assert not (tmp_path / "target").exists()
    with pytest.raises(FileNotFoundError):
        store.put_file("from-nothing", tmp_path / "no-such-file")
    assert store.size("from-nothing") is None


def test_what_was_removed_is_gone_and_removing_it_again_is_no_error(store: ObjectStore) -> None:
    store.put("one", CONTENT)
    store.delete("one")
    store.delete("one")
    assert store.size("one") is None
    assert store.put("one", b"a name that is free may be used again")


def test_names_are_listed_in_their_order_from_any_place(store: ObjectStore) -> None:
    assert list(store.names("spill/")) == []
    names = [f"spill/{number:04}-{word}" for number in range(3) for word in ("a", "b")]
    for name in reversed(names):
        store.put(name, CONTENT)
    store.put("spilt", CONTENT)
    store.put("lake/spill", CONTENT)
    assert list(store.names("spill/")) == names
    assert list(store.names("spill/0001")) == names[2:4]
    assert list(store.names("spill/", after=names[2])) == names[3:]
    assert list(store.names("spill/", after=names[-1])) == []


def test_a_name_that_could_lead_elsewhere_is_none(store: ObjectStore, tmp_path: Path) -> None:
    names = ["", "/etc/passwd", "../out", "a/../b", "a//b", "a/", ".partial/x", "a/.b", "a\0b", "a\nb", "a b", "ä"]
    for name in [*names, "x" * 600]:
        refuses(store, name, tmp_path)
    for prefix in ("../", "/", "a/../", ".partial/", "a//"):
        with pytest.raises(ValueError, match="begins no object's name"):
            list(store.names(prefix))


def refuses(store: ObjectStore, name: str, tmp_path: Path) -> None:
    for use in (
        lambda: store.put(name, CONTENT),
        lambda: store.get(name),
        lambda: store.size(name),
        lambda: store.delete(name),
        lambda: store.get_file(name, tmp_path / "target"),
        lambda: store.put_file(name, Path(__file__)),
    ):
        with pytest.raises(ValueError, match="can't name an object"):
            use()


def test_a_folder_and_its_objects_are_for_their_owner_only_and_hold_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "objects"
    store = open_store(Folder(root))
    store.put("lake/one", CONTENT)
    for folder in (root, root / "lake", root / PARTIAL):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (root / "lake" / "one").stat().st_mode & 0o777 == 0o600
    assert list((root / PARTIAL).iterdir()) == []


def test_what_a_dead_process_left_half_written_is_seen_by_nobody_and_goes_after_a_day(tmp_path: Path) -> None:
    partial = tmp_path / PARTIAL
    partial.mkdir()
    old, new = partial / "old", partial / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    store = open_store(Folder(tmp_path))
    assert list(store.names("")) == []
    store.put("one", CONTENT)
    assert list(store.names("")) == ["one"]
    assert list(partial.iterdir()) == [new]

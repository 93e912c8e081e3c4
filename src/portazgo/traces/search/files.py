"""Brings files of the lake to this machine: a folder's are there already, a bucket's are kept in a cache of bounded size."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.kit.errors import Unavailable
from portazgo.kit.objects import ObjectMissing, ObjectsFailed
from portazgo.kit.objects.names import checked
from portazgo.kit.objects.uri import Folder
from portazgo.settings import current
from portazgo.traces.search.process import FileMissing, busy
from portazgo.usage.objects import object_store

if TYPE_CHECKING:
    from portazgo.kit.objects import ObjectStore

CACHE = "cache/lake"
"""In the data folder. Whoever deletes it loses nothing."""
CACHE_BYTES = 2 * 1024**3
FETCHING_SECONDS = 15.0
"""So long a request waits for what others fetch."""
PRIVATE_FOLDER = 0o700


@contextmanager
def at_hand(names: Sequence[str]) -> Iterator[list[str]]:
    """Give the paths of these files, which stay there meanwhile. Raises FileMissing, Unavailable (`objects_unavailable`)."""
    place = current().objects_url
    if isinstance(place, Folder):
        yield [str(place.path / checked(name)) for name in names]
        return
    with _cache().holding(names) as paths:
        yield paths


class FileCache:
    """Copies of objects that never change, the least recently used go first."""

    def __init__(self, folder: Path, store: ObjectStore, *, most_bytes: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._store = store
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._fetching = threading.Lock()
        self._held: Counter[Path] = Counter()

    @contextmanager
    def holding(self, names: Sequence[str]) -> Iterator[list[str]]:
        """Bring these files, and keep them until the end. Raises FileMissing, Unavailable."""
        wanted = {name: self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.parquet" for name in names}
        with self._lock:
            self._held.update(wanted.values())
        try:
            for name, path in wanted.items():
                self._bring(name, path)
            yield [str(wanted[name]) for name in names]
        finally:
            with self._lock:
                self._held.subtract(wanted.values())

    def _bring(self, name: str, path: Path) -> None:
        if _touched(path):
            return
        if not self._fetching.acquire(timeout=FETCHING_SECONDS):
            raise busy()
        try:
            if not _touched(path):
                self._fetch(name, path)
        finally:
            self._fetching.release()

    def _fetch(self, name: str, path: Path) -> None:
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        try:
            self._make_room(self._store.size(name) or 0)
            self._store.get_file(name, path)
        except ObjectMissing:
            raise FileMissing(name) from None
        except ObjectsFailed as problem:
            raise Unavailable(problem.sentence, code="objects_unavailable", remedy=problem.remedy) from None

    def _make_room(self, size: int) -> None:
        files = sorted(
            ((path.stat(), path) for path in self._folder.glob("*.parquet")), key=lambda one: one[0].st_mtime
        )
        whole = size + sum(stat.st_size for stat, _ in files)
        for stat, path in files:
            if whole <= self._most_bytes:
                return
            with self._lock:
                if self._held[path] > 0:
                    continue
                path.unlink(missing_ok=True)
            whole -= stat.st_size


def _touched(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


_caches: dict[Path, FileCache] = {}
_opening = threading.Lock()


def _cache() -> FileCache:
    settings = current()
    folder = settings.data_dir / CACHE
    with _opening:
        if folder not in _caches:
            try:
                store = object_store()
            except ObjectsFailed as problem:
                raise Unavailable(problem.sentence, code="objects_unavailable", remedy=problem.remedy) from None
            _caches[folder] = FileCache(folder, store)
        return _caches[folder]

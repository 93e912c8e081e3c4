"""An object store whose process dies at a chosen step: before a call is carried out, or right after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portazgo.kit.objects import ObjectStore


class Died(BaseException):
    """Nothing of the process goes on, as after `kill -9`: no handler for errors may catch it."""


class DyingStore:
    """Passes everything on to another store until the step comes; steps are counted from 0, two for each call."""

    def __init__(self, store: ObjectStore, at: int) -> None:
        self._store = store
        self._at = at
        self.steps = 0

    def put(self, name: str, content: bytes) -> bool:
        """Write."""
        return bool(self._call(self._store.put, name, content))

    def put_file(self, name: str, path: Path) -> bool:
        """Write a file."""
        return bool(self._call(self._store.put_file, name, path))

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Read."""
        content: bytes = self._call(self._store.get, name, start=start, length=length)
        return content

    def get_file(self, name: str, path: Path) -> None:
        """Read into a file."""
        self._call(self._store.get_file, name, path)

    def size(self, name: str) -> int | None:
        """Tell the size."""
        size: int | None = self._call(self._store.size, name)
        return size

    def delete(self, name: str) -> None:
        """Remove."""
        self._call(self._store.delete, name)

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """List."""
        yield from self._call(lambda: list(self._store.names(prefix, after=after)))

    def _call(self, function: Any, *arguments: Any, **named: Any) -> Any:
        self._step()
        answer = function(*arguments, **named)
        self._step()
        return answer

    def _step(self) -> None:
        step, self.steps = self.steps, self.steps + 1
        if step == self._at:
            raise Died

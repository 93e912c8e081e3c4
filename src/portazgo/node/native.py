"""The native module, checked before it is used. Everything else in `node/` takes it from here."""

from __future__ import annotations

from portazgo._native import Node, SnapshotRefused, Update
from portazgo.kit.errors import StartRefused
from portazgo.native_build import NativeModuleStale, require_fresh

__all__ = ["Node", "SnapshotRefused", "Update", "require"]


def require() -> None:
    """Refuse to start with a native module that was built from other sources. Raises StartRefused."""
    try:
        require_fresh()
    except NativeModuleStale as problem:
        raise StartRefused(str(problem), "run `make native`") from None

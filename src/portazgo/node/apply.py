"""Applies an update to the native node: unwraps its secrets first, says what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.kit.wrapping import WrappingUnavailable

if TYPE_CHECKING:
    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.node.native import Node, Update


def apply_update(node: Node, update: Update, wrapper: KeyWrapper) -> int:
    """Unwrap, apply, and return the revision when every data thread has it.

    Raises SnapshotRefused (the old snapshot stays), WrappingFailed (a secret can't be opened here) and
    WrappingUnavailable (not now; `sealed` says which).
    """
    # The last text of a context is the one that counts: those before it may be sealed by what is gone.
    for context, wrapped in dict(update.wrapped()).items():
        try:
            update.provide(context, wrapper.unwrap(context, wrapped))
        except WrappingUnavailable as problem:
            problem.sealed = (context, wrapped)
            raise
    return node.apply(update)

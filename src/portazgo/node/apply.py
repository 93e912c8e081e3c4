"""Applies an update to the native node: unwraps its secrets first, says what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.node.native import Node, Update


def apply_update(node: Node, update: Update, wrapper: KeyWrapper) -> int:
    """Unwrap, apply, and return the revision when every data thread has it.

    Raises SnapshotRefused (the old snapshot stays) and WrappingFailed (a secret can't be opened here).
    """
    for context, wrapped in update.wrapped():
        update.provide(context, wrapper.unwrap(context, wrapped))
    return node.apply(update)

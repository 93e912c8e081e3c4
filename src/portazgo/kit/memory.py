"""How a process asks the system for memory, and when Python looks for garbage.

Sources: mallopt(3), M_ARENA_MAX; prctl(2), PR_SET_THP_DISABLE; the documentation of gc.freeze.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_M_ARENA_MAX = -8
_PR_SET_THP_DISABLE = 41


def without_huge_pages() -> None:
    """Let nobody in this process be given 2 MiB where 4 KiB were wanted; call it before the native module is loaded.

    Its allocator (mimalloc) asks for huge pages wherever the system gives them to who asks (`madvise`, the default of most
    distributions). Then every thread that allocates a little costs several of them. Children inherit it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)


def with_few_arenas() -> None:
    """Have the threads of this process share two arenas of the C library; call it before threads are started.

    As many as eight for each core are made else, each with its own free memory that the others can't use. Where threads take
    turns at the interpreter anyway, they hardly ever wait for an arena. Does nothing where the C library has no such thing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Look for no garbage meanwhile, and never among what there is by then: for imports, whose classes and functions stay.

    Else they are gone through again and again while they come, at each full collection afterwards, and once more when the
    process ends. What holds something that must be closed is to be closed, then: nobody does when the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()

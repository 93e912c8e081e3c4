"""What a file may name: what lies in the folder of the root file or below.

A file comes with a repository, and calling the command line in it must not read what lies elsewhere on the machine: it
would be sent to the control plane, or quoted in a message.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

_WILDCARDS = frozenset("*?[")


def leads_out(written: str, folder: Path, root: Path) -> bool:
    """Tell whether a path or pattern, seen from a folder, names what lies outside of `root`; looks at no other file."""
    steps = Path(written).parts
    plain = itertools.takewhile(lambda step: not _WILDCARDS & set(step), steps)
    # By its letters too: `*/../../..` climbs behind a wildcard.
    by_letters = Path(os.path.normpath(folder.resolve() / written))
    return not by_letters.is_relative_to(root) or not lies_in(folder.joinpath(*plain), root)


def lies_in(path: Path, root: Path) -> bool:
    """Tell whether a path lies in `root`, wherever its symbolic links lead."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, ValueError, RuntimeError):  # links in a circle, a NUL, a name that is too long
        return False

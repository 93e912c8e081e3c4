"""The object store: can an object be written, read and removed?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from portazgo.care.finding import Finding, well, wrong
from portazgo.care.surroundings import Surroundings
from portazgo.kit.objects import ObjectsFailed, ObjectStore, open_store
from portazgo.kit.objects.uri import Folder

CONTENT = b"The doctor looks whether objects can be written, read and removed.\n"
PLACE = "doctor/"
READ_SECONDS = 5.0
ATTEMPTS = 2


def object_store(around: Surroundings) -> Iterator[Finding]:
    """Can an object be written, read and removed? It is tried, with one of its own."""
    place = around.settings.objects_url
    if isinstance(place, Folder) and not place.path.exists():
        yield _to_be_made(place.path)
        return
    try:
        lost = _probe(open_store(place, read_seconds=READ_SECONDS, attempts=ATTEMPTS))
    except ObjectsFailed as problem:
        yield wrong(problem.sentence, problem.remedy)
        return
    if lost is not None:
        yield wrong(f"{place} {lost}", "correct PORTAZGO_OBJECTS_URL, or have the store mended: it can't be relied on")
    else:
        yield well(f"{place} takes, gives and removes objects")


def _to_be_made(folder: Path) -> Finding:
    nearest = next(path for path in folder.parents if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return well(f"{folder} is not there yet: what first needs it makes it")
    return wrong(f"{folder} is not there and can't be made", "name another folder in PORTAZGO_OBJECTS_URL")


def _probe(store: ObjectStore) -> str | None:
    name = f"{PLACE}{uuid4()}"  # of this look alone: several may look at once
    store.put(name, CONTENT)
    try:
        if store.get(name) != CONTENT:
            return "gives other bytes than it took"
        if not any(found == name for found in store.names(PLACE)):
            return "does not list what it took"
    finally:
        store.delete(name)
    return "still has what was removed" if store.size(name) is not None else None

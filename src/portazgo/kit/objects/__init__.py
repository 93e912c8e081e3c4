"""Files that many processes share: a local folder, or a bucket of S3 (docs/operations.md, ADR 39).

A name is written once and never again with other content, so that whoever reads it needs no lock. What is there is known
by the ledger, never by listing: names are listed in one place only, for segments that the ledger has not heard of yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from portazgo.kit.objects.uri import S3, Folder


class ObjectsFailed(Exception):
    """The store did not do it: a sentence, and what to do; neither holds a secret. Nothing is half done."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence}; {remedy}")
        self.sentence = sentence
        self.remedy = remedy


class ObjectsUnreachable(ObjectsFailed):
    """It does not answer, not in time, or asks for patience: the same call may succeed later."""


class ObjectsDenied(ObjectsFailed):
    """It does not let this process."""


class ObjectsFull(ObjectsFailed):
    """There is no room."""


class StoreMissing(ObjectsFailed):
    """There is no such folder or bucket, or the bucket is in another region."""


class ObjectMissing(ObjectsFailed):
    """There is no object of this name."""


class ObjectDiffers(ObjectsFailed):
    """The name is taken by other content."""


class ObjectStore(Protocol):
    """Bytes by name. Safe for threads. Every method raises ObjectsFailed, and ValueError for what is no name."""

    def put(self, name: str, content: bytes) -> bool:
        """Write an object: whole or not at all, durable on return. Returns False when it was there already, the same."""

    def put_file(self, name: str, path: Path) -> bool:
        """Write an object from a file that nobody changes meanwhile, of any size. As `put`; raises OSError for the file."""

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Read an object, or `length` bytes of it from `start`; less where it ends before. Raises ObjectMissing."""

    def get_file(self, name: str, path: Path) -> None:
        """Read an object into a file that only its owner can read: whole or not at all. Raises ObjectMissing, OSError."""

    def size(self, name: str) -> int | None:
        """Tell how many bytes an object has; None: there is none."""

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """List the names that begin with `prefix` and come after `after`, in their order."""


def open_store(place: Folder | S3, *, read_seconds: float = 20.0, attempts: int = 4) -> ObjectStore:
    """Open the store; calls nobody yet. `read_seconds` bounds each silence of S3, `attempts` how often it is asked.

    Raises ObjectsFailed: boto3 is missing, or no region is known.
    """
    from portazgo.kit.objects.uri import Folder  # noqa: PLC0415 - it knows nothing of what stands here

    if isinstance(place, Folder):
        from portazgo.kit.objects.local import LocalStore  # noqa: PLC0415 - one of the two is used

        return LocalStore(place.path)
    from portazgo.kit.objects.s3 import S3Store  # noqa: PLC0415 - boto3: 50 ms and 20 MB that only who uses S3 pays

    return S3Store.open(place, read_seconds=read_seconds, attempts=attempts)

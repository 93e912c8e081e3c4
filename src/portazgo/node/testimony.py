"""What a node knows, told to a control plane that recovers from an older database (docs/decisions/0033).

Lines of JSON: who tells and where it stands, every kid that is dead for ever, what the security lane said, and the names
of what the node serves. No digest of any key is among them: nodes never report hashes. Of each secret there is a mark, made
with the question of this very recovery, by which a database that has the secret's digest knows it again; to anybody else, and
for anything else, it is nothing. It is read from the node's folder, so that the folder of a node that no longer runs
tells the same.

Of imported keys that are dead, the look-ups are told, and the wrapped look-up key that they were made with: nothing can be
made of them, and without them a file of back then could revive such a key in a database that has lost it.

    {"testimony": 1, "node": …, "label": …, "history": …, "revision": …, "hash": …}
    {"revoked": kid}
    {"security": {…}}
    {"resource": {"kind": …, "id": …, "name": …, "secrets": of a key or a pepper, "<mark>/<pepper>/<ends_at_us or nothing>", …}}
    {"grave": {"kid": …, "lookups": "<hex64> …"}}
    {"lookup_key": wrapped, where there are graves}
    {"end": true, "count": <number of lines between>}
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

from portazgo.node.lane import is_kid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

FORMAT = 1
MARK_LENGTH = 16
Resources = dict[tuple[str, str], str]


def told_by(
    folder: Path, question: str, *, label: str = "", dead: Iterable[str] = (), lane: bytes = b""
) -> Iterator[bytes]:
    """Give the lines; `dead` and `lane` are what a running node knows and could not write. Raises OSError."""
    kept = _Kept(question)
    for name in ("snapshot.ndjson", "changes.ndjson", "lane.ndjson"):
        for line in _lines(folder / name):
            kept.take(line)
    for line in lane.splitlines():
        kept.take(line)
    revoked = sorted({*_revoked(folder), *dead})
    head = {"testimony": FORMAT, "node": _node_id(folder), "label": label}
    yield _line({**head, "history": kept.history, "revision": kept.revision, "hash": kept.hash})
    for kid in revoked:
        yield _line({"revoked": kid})
    for _, entry in sorted(kept.entries.items()):
        yield _line({"security": entry})
    for (kind, identifier), name in kept.resources.items():
        told = {"kind": kind, "id": identifier, "name": name}
        secrets = kept.secrets.get((kind, identifier))
        yield _line({"resource": {**told, "secrets": secrets} if secrets else told})
    graves = list(kept.graves(set(revoked)))
    for line in graves:
        yield line
    yield _line({"end": True, "count": len(revoked) + len(kept.entries) + len(kept.resources) + len(graves)})


def mark(question: str, kept: str) -> str:
    """Make the mark of what is kept of a secret (its digest; of a pepper, the wrapped text), for this question."""
    return hmac.digest(question.encode(), kept.encode(), "sha256").hex()[:MARK_LENGTH]


def marks(question: str, secrets: Iterable[tuple[str, int, int | None]]) -> str:
    """Write of each secret of a key its mark, its pepper's version, and when it ends, in microseconds."""
    # One text, not a list of lists: there may be a million.
    return " ".join(
        f"{mark(question, digest)}/{pepper}/{'' if end is None else end}" for digest, pepper, end in secrets
    )


class _Kept:
    """Goes through a snapshot and the pages after it; a line that a crash tore is left out."""

    def __init__(self, question: str) -> None:
        self._question = question
        self.secrets: dict[tuple[str, str], str] = {}
        self.history = ""
        self.revision = 0
        self.hash = ""
        self.entries: dict[int, dict[str, Any]] = {}
        self.resources: Resources = {}
        # Of every imported secret that was seen, also of keys that are gone since.
        self._lookups: dict[str, set[str]] = {}
        self._lookup_key = ""

    def graves(self, dead: Collection[str]) -> Iterator[bytes]:
        """Give the lines of imported keys that are dead."""
        kids = sorted(self._lookups.keys() & dead)
        for kid in kids:
            yield _line({"grave": {"kid": kid, "lookups": " ".join(sorted(self._lookups[kid]))}})
        if kids:
            yield _line({"lookup_key": self._lookup_key})

    def take(self, line: bytes) -> None:
        """Take the next line."""
        try:
            read = json.loads(line)
            if "security" in read:
                self.entries[int(read["security"]["sequence"])] = read["security"]
            elif "put" in read:
                self._change(read)
            elif "kind" in read:
                self._put(read)
            elif "format" in read:
                self.history, self.revision = str(read["history"]), int(read["revision"])
                self.hash = str(read["hash"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return

    def _change(self, revision: dict[str, Any]) -> None:
        for resource in revision["put"]:
            self._put(resource)
        for gone in revision["delete"]:
            self.resources.pop((str(gone["kind"]), str(gone["id"])), None)
            self.secrets.pop((str(gone["kind"]), str(gone["id"])), None)

    def _put(self, resource: dict[str, Any]) -> None:
        name, body = (str(resource["kind"]), str(resource["id"])), resource["body"]
        self.resources[name] = str(body.get("name", ""))
        if name[0] == "key":
            secrets = ((one["digest"], int(one["pepper"]), one["ends_at_us"]) for one in body["secrets"])
            self.secrets[name] = marks(self._question, secrets)
            if found := {one["imported"]["lookup"] for one in body["secrets"] if "imported" in one}:
                self._lookups.setdefault(name[1], set()).update(found)
        elif name[0] == "pepper":
            self.secrets[name] = mark(self._question, body["wrapped"])
        elif name[0] == "lookup_key":
            self._lookup_key = str(body["wrapped"])


def _lines(file: Path) -> Iterator[bytes]:
    if file.exists():
        with file.open("rb") as opened:
            yield from opened


def _revoked(folder: Path) -> Iterator[str]:
    return (kid for line in _lines(folder / "revoked.log") if is_kid(kid := line.decode("ascii", "replace").strip()))


def _node_id(folder: Path) -> str:
    try:
        return str(json.loads((folder / "node.json").read_bytes())["node"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

"""Secrets of a running deployment, and the search for them in whatever it leaves behind, in every form that a dump may have."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pyarrow.parquet import ParquetFile

from portazgo._native import decode_segment
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping.local import LocalWrapper

SEGMENT, PARQUET = b"PTZSEG1\0", b"PAR1"
"""What their files begin with."""
LEAST_BYTES = 12
"""What is shorter is found by chance."""


def needles(secret: bytes) -> set[bytes]:
    """Give what shows a secret in a file or text: itself, as JSON, hexadecimal, base64 at any place, as Python writes bytes."""
    assert len(secret) >= LEAST_BYTES, len(secret)
    encoded = {encoded for skipped in range(3) for encoded in _in_base64(secret, skipped)}
    written = {repr(secret)[2:-1].encode(), json.dumps(secret.decode("latin-1"))[1:-1].encode()}
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), *encoded, *written}


def _in_base64(secret: bytes, skipped: int) -> Iterator[bytes]:
    """Give the characters that only the secret decides, after so many bytes of something else (RFC 4648)."""
    whole = base64.b64encode(bytes(skipped) + secret).rstrip(b"=")
    # The last character may hold bits of what follows, and those before hold bits of what precedes.
    own = whole[(skipped * 8 + 5) // 6 : -1]
    yield own
    yield own.replace(b"+", b"-").replace(b"/", b"_")


@dataclass
class Canaries:
    """What must be seen nowhere. `allowed`: the files, by name, that a secret belongs into."""

    by_name: dict[str, set[bytes]] = field(default_factory=dict)
    allowed: dict[str, set[str]] = field(default_factory=dict)

    def plant(self, name: str, secret: str | bytes, *allowed: str) -> None:
        """Look for this from now on."""
        self.by_name[name] = needles(secret.encode() if isinstance(secret, str) else secret)
        self.allowed[name] = set(allowed)

    def found(self, places: Mapping[str, bytes]) -> dict[str, list[str]]:
        """Name the secrets that are in these, each with where; files that a secret belongs into don't count."""
        seen: dict[str, list[str]] = {}
        for place, content in places.items():
            for name, forms in self.by_name.items():
                if Path(place).name not in self.allowed[name] and any(form in content for form in forms):
                    seen.setdefault(name, []).append(place)
        return seen

    def holding(self, name: str, places: Mapping[str, bytes]) -> list[str]:
        """Tell where one is, wherever it belongs."""
        return sorted(place for place, content in places.items() if any(form in content for form in self.by_name[name]))


def plant_wrapped(canaries: Canaries, internal: JsonClient, wrapper: LocalWrapper) -> set[str]:
    """Unwrap what nodes are given wrapped, as a node does, and look for all of it. Returns the kinds that there were."""
    kinds: set[str] = set()
    for line in internal.request("GET", "/internal/v1/snapshot").body.splitlines():
        resource = json.loads(line)
        wrapped = resource.get("body", {}).get("wrapped")
        if wrapped is None:
            continue
        name = f"{resource['kind']}/{resource['id']}"
        kinds.add(resource["kind"])
        for number, secret in enumerate(_parts(resource["kind"], wrapper.unwrap(name, wrapped))):
            canaries.plant(f"{name} {number}", secret)
    return kinds


def _parts(kind: str, plaintext: bytes) -> Iterable[bytes]:
    """Give what of an unwrapped text is secret by itself: a private key may be written down in more than one form."""
    if kind == "credential":
        return [value.encode() for name, value in json.loads(plaintext).items() if name != "username"]
    if kind == "signing_key":
        key = load_der_private_key(plaintext, None)
        assert isinstance(key, EllipticCurvePrivateKey)
        return [key.private_numbers().private_value.to_bytes(32, "big")]
    return [plaintext]


def files_under(*folders: Path) -> dict[str, bytes]:
    """Read every file."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths}


def decoded(places: Mapping[str, bytes]) -> dict[str, bytes]:
    """Write out what files of records hold: segments, wherever they lie, and the lake's files, with every column."""
    found: dict[str, bytes] = {}
    for place, content in places.items():
        if content.startswith(SEGMENT):
            found[f"{place}, decoded"] = repr(decode_segment(content)).encode()
        elif content.startswith(PARQUET) and content.endswith(PARQUET):
            file = ParquetFile(BytesIO(content))
            found[f"{place}, decoded"] = repr((file.read().to_pylist(), file.metadata.metadata)).encode()
    return found


def process_texts(pids: Iterable[int]) -> dict[str, bytes]:
    """Read what anybody may see of processes, and what their owner may: command lines and environments."""
    return {
        f"/proc/{pid}/{name}": Path(f"/proc/{pid}/{name}").read_bytes()
        for pid in pids
        for name in ("cmdline", "environ")
    }


def every_answer(control_url: str, token: Secret, paths: Iterable[str]) -> dict[str, bytes]:
    """Read every address of the admin API that can be read, and each thing that a list shows by the addresses of things."""
    client = JsonClient(control_url, token)
    answers: dict[str, bytes] = {}

    def read(path: str, cursor: str | None = None) -> Any:
        query = {"limit": 200, **({"cursor": cursor} if cursor else {})} if "{" not in path else None
        answer = client.request("GET", path, query=query)
        answers[path] = answers.get(path, b"") + answer.body + repr(dict(answer.headers)).encode()
        # Metrics are text.
        is_document = answer.status == 200 and answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.json() if is_document else {}

    def read_list(path: str) -> list[Any]:
        """Read all pages: what is looked for may be among the older calls."""
        page = read(path)
        items = list(page.get("items", []))
        while cursor := page.get("next_cursor"):
            page = read(path, cursor)
            items += page["items"]
        return items

    paths = [path for path in paths if not path.endswith("/tail")]
    lists = {path: read_list(path) for path in paths if "{" not in path}
    for path in paths:
        if path.count("{") == 1:
            before, _, rest = path.partition("/{")
            name, _, after = rest.partition("}")
            for item in lists.get(before, [])[:50]:
                read(f"{before}/{item.get(name) or item.get('id')}{after}")
    return answers

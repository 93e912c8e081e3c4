"""Segments made by hand, many records a second and of any time: what the lake is written from in tests and benchmarks.

The bytes are those of native/crates/core/src/record (`segment.rs`, `layout.rs`), and the native module reads them all. The
calls look like those of some partners: few call much, most little; ids are random, times and sizes spread as they do. Each
partner calls from a few addresses, which are sealed under its data key as nodes seal them (`sealing.rs`).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ABSENT = 2**32 - 1
PHASES = 10
_ROUTES = 40
_ADDRESSES = 4
_DAY_US = 86_400_000_000
_SEALED = 1 + 4 + 16
"""Bytes of a sealed IPv4 address."""
_HEADER = struct.Struct("<8sHHI16s16sQq")
_FOOTER = struct.Struct("<Q8sQQ32s")
_FRAME_HEAD = 8

_FIXED: list[Any] = [
    ("kind", "u1"),
    ("request_id", "u1", 16),
    ("trace_id", "u1", 16),
    ("span_id", "u1", 8),
    ("started_at", "<i8"),
    ("finished_at", "<i8"),
    ("phases", "<u4", PHASES),
    ("partner", "u1", 16),
    ("application", "u1", 16),
    ("kid", "u1", 10),
    ("claimed_kid", "u1", 10),
    ("secret_slot", "u1"),
    ("route", "u1", 16),
    ("plan", "u1", 16),
    ("revision", "<u8"),
    ("contract_version", "<u4"),
    ("price_version", "<u4"),
    ("environment", "u1"),
    ("method", "u1"),
    ("status_sent", "<u2"),
    ("backend_status", "<u2"),
    ("fault", "<u2"),
    ("delivery", "u1"),
    ("retryable", "u1"),
    ("billable", "u1"),
    ("billable_reason", "u1"),
    ("units", "<u8"),
    ("bytes_in", "<u8"),
    ("bytes_out", "<u8"),
    ("backend_bytes_out", "<u8"),
    ("backend_bytes_in", "<u8"),
    ("attempts", "u1"),
    ("backend_target", "u1", 18),
    ("client", "u1", 18),
    ("count", "<u4"),
    ("caller", "u1"),
    ("personal_key", "u1", 16),
]
_FIXED_BYTES = np.dtype(_FIXED).itemsize
_FRAME = np.dtype(
    [
        ("length", "<u4"),
        ("crc", "<u4"),
        ("sequence", "<u8"),
        ("thread", "<u2"),
        ("slot", "<u2"),
        ("generation", "<u4"),
        ("version", "u1"),
        ("fixed_length", "<u2"),
        *_FIXED,
        ("texts", "u1", 2),
        ("sealed_length", "u1"),
        ("sealed", "u1", _SEALED),
    ]
)
_GET, _NO_CONTENT = 1, 204
_THROTTLED = 25
"""Number of a fault (faults/catalogue.toml)."""
_OWN_US = ((0, 5, 0, 8, 0, 0, 0, 5, 2, 1), (1, 45, 1, 26, 1, 1, 1, 60, 12, 40))
"""From when to when a phase is reached after the one before, but for the wait for the backend."""


@dataclass
class Node:
    """Makes the segments of one epoch of a node, one after the other."""

    chance: np.random.Generator
    node: UUID
    epoch: UUID
    partners: int = 200
    environments: tuple[int, ...] = (2,)
    """Those that the calls are made in, in turns: 2 live, 1 test, 0 none."""
    contract_version: int = 0
    """The number of the version that projected all answers; 0: none did."""
    next_sequence: int = 1
    _sealed: dict[tuple[int, int], bytes] = field(default_factory=dict, init=False)
    """By address and day: what a caller is sealed to, once."""

    def segment(self, begins_us: int, count: int, per_second: int = 1_000) -> tuple[int, bytes]:
        """Make a sealed segment of calls that begin from `begins_us` on; returns its first sequence and its bytes."""
        first = self.next_sequence
        self.next_sequence += count
        frames = self._frames(first, begins_us, count, per_second)
        body = memoryview(frames.tobytes())
        size = _FRAME.itemsize
        crcs = [zlib.crc32(body[at + _FRAME_HEAD : at + size]) for at in range(0, len(body), size)]
        frames["crc"] = np.array(crcs, dtype="<u4")
        return first, _sealed(self._header(first, begins_us) + frames.tobytes(), first, count)

    def empty_segment(self, began_us: int) -> tuple[int, bytes]:
        """Make a sealed segment that holds no record; returns its first sequence and its bytes."""
        return self.next_sequence, _sealed(self._header(self.next_sequence, began_us), self.next_sequence, 0)

    def _header(self, first: int, begins_us: int) -> bytes:
        words = [b"PTZSEG1\0", 1, _HEADER.size, 0, self.node.bytes, self.epoch.bytes, first, begins_us]
        words[3] = zlib.crc32(_HEADER.pack(*words))
        return _HEADER.pack(*words)

    def _frames(self, first: int, begins_us: int, count: int, per_second: int) -> Any:
        chance = self.chance
        rows = np.zeros(count, dtype=_FRAME)
        rows["length"] = _FRAME.itemsize - _FRAME_HEAD
        rows["sequence"] = np.arange(first, first + count)
        rows["version"] = 2
        rows["fixed_length"] = _FIXED_BYTES
        started = begins_us + np.sort(chance.integers(0, max(1, count * 1_000_000 // per_second), count))
        throttled = chance.random(count) < 0.02
        waited = np.where(throttled, 0, chance.lognormal(9.9, 0.6, count).astype("i8"))
        self._times(rows, started, waited, throttled)
        self._callers(rows, count)
        rows["status_sent"] = np.where(throttled, 429, chance.choice([200, 200, 200, 200, 200, 201, 204, 404], count))
        rows["backend_status"] = np.where(throttled, 0, rows["status_sent"])
        rows["fault"] = np.where(throttled, _THROTTLED, 0)
        rows["retryable"] = throttled
        rows["billable"] = ~throttled
        rows["billable_reason"] = np.where(throttled, 3, 1)
        rows["delivery"] = 1
        rows["units"] = 1
        rows["count"] = 1
        rows["attempts"] = np.where(throttled, 0, 1)
        self._sizes(rows, throttled)
        # Records are numbered when their calls end.
        order = np.argsort(rows["finished_at"], kind="stable")
        sequences = rows["sequence"].copy()
        rows = rows[order]
        rows["sequence"] = sequences
        return rows

    def _times(self, rows: Any, started: Any, waited: Any, throttled: Any) -> None:
        chance, count = self.chance, len(rows)
        rows["request_id"] = _version_7(chance, started)
        rows["trace_id"] = chance.integers(0, 256, (count, 16))
        rows["span_id"] = chance.integers(0, 256, (count, 8))
        rows["started_at"] = started
        # Of phases that are reached within a microsecond of the one before, nodes note the same clock (`reached_too`).
        own = np.cumsum(chance.integers(*_OWN_US, (count, PHASES)), axis=1)
        own[:, 8:] += waited[:, None]
        rows["phases"] = own
        rows["phases"][:, 5:9] = np.where(throttled[:, None], ABSENT, own[:, 5:9])
        rows["finished_at"] = started + own[:, -1] + chance.integers(5, 90, count)

    def _sizes(self, rows: Any, throttled: Any) -> None:
        """Towards callers heads and bodies are counted, towards backends bodies; a head's size is mostly the route's."""
        chance, count = self.chance, len(rows)
        sent = np.where(rows["method"] == _GET, 0, chance.lognormal(6, 0.8, count).astype("i8"))
        answered = np.where(rows["status_sent"] == _NO_CONTENT, 0, chance.lognormal(7.3, 0.8, count).astype("i8"))
        head = 280 + rows["route"][:, -1].astype("i8") * 7 % 90 + chance.integers(0, 4, count)
        rows["bytes_in"] = chance.integers(250, 420, count) + sent
        rows["backend_bytes_out"] = np.where(throttled, 0, sent)
        rows["bytes_out"] = np.where(throttled, 680, head + answered)
        rows["backend_bytes_in"] = np.where(throttled, 0, answered)

    def _callers(self, rows: Any, count: int) -> None:
        chance = self.chance
        partner = np.minimum(self.partners ** chance.random(count), self.partners - 1).astype("i8")
        application = partner * 2 + chance.integers(0, 2, count)
        rows["partner"] = _numbered(1, partner)
        rows["application"] = _numbered(2, application)
        kids = np.char.add("Kid", np.char.zfill(application.astype("U7"), 7)).astype("S10")
        rows["kid"] = rows["claimed_kid"] = kids.view("u1").reshape(count, 10)
        rows["secret_slot"] = 1
        rows["route"] = _numbered(3, (application * 7 + chance.integers(0, 4, count)) % _ROUTES)
        rows["plan"] = _numbered(4, application % 5)
        rows["revision"] = 1_041
        rows["contract_version"] = self.contract_version
        rows["environment"] = np.resize(self.environments, count)
        rows["method"] = chance.choice([1, 1, 1, 3, 4], count)
        rows["backend_target"] = _address(10, 20 + application % 3, 8_000)
        address = application * _ADDRESSES + chance.integers(0, _ADDRESSES, count)
        rows["personal_key"] = _numbered(5, partner)
        rows["sealed_length"] = _SEALED
        sealed = [
            self._seal(*one) for one in zip(address.tolist(), (rows["started_at"] // _DAY_US).tolist(), strict=True)
        ]
        rows["sealed"] = np.frombuffer(b"".join(sealed), "u1").reshape(count, _SEALED)

    def _seal(self, address: int, day: int) -> bytes:
        """Seal an address as a node of this epoch does."""
        found = self._sealed.get((address, day))
        if found is None:
            info = b"portazgo personal 1" + struct.pack("<q", day)
            key = HKDF(SHA256(), 32, self.epoch.bytes, info).derive(data_key(address // (2 * _ADDRESSES)))
            found = AESGCMSIV(key).encrypt(bytes(12), bytes([1, 203]) + address.to_bytes(3, "big"), None)
            self._sealed[address, day] = found
        return found


def data_key(partner: int) -> bytes:
    """Give the key that seals for one of the partners, by its number."""
    return hashlib.sha256(b"data key of partner %d" % partner).digest()


def _sealed(content: bytes, first: int, count: int) -> bytes:
    payload = _FOOTER.pack(2**64 - 1, b"PTZEND1\0", count, first + count - 1, hashlib.sha256(content).digest())
    return content + struct.pack("<II", len(payload), zlib.crc32(payload)) + payload


def _version_7(chance: np.random.Generator, moments_us: Any) -> Any:
    """RFC 9562, section 5.7."""
    ids = chance.integers(0, 256, (len(moments_us), 16)).astype("u1")
    ids[:, :6] = (moments_us // 1_000).astype(">u8").view("u1").reshape(-1, 8)[:, 2:]
    ids[:, 6] = ids[:, 6] & 0x0F | 0x70
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def _numbered(kind: int, numbers: Any) -> Any:
    ids = np.zeros((len(numbers), 16), dtype="u1")
    ids[:, :8] = (0x01, 0xA2, 0x0E, 0x60, 0xE2, 0x00, 0x70, 0x18)
    ids[:, 8], ids[:, 9] = 0xAF, kind
    ids[:, 12:] = numbers.astype(">u4").view("u1").reshape(-1, 4)
    return ids


def _address(first: int, numbers: Any, port: int) -> Any:
    """IPv4 within IPv6 (RFC 4291, section 2.5.5.2), and the port."""
    addresses = np.zeros((len(numbers), 18), dtype="u1")
    addresses[:, 10:12] = 255
    addresses[:, 12] = first
    addresses[:, 13:16] = numbers.astype(">u4").view("u1").reshape(-1, 4)[:, 1:]
    addresses[:, 16:] = list(struct.pack("<H", port))
    return addresses

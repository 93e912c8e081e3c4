"""Backends of HTTP/2 that send frames by chance: every call ends, with one record, and the node goes on.

PORTAZGO_TEST_HTTP2_CHANCES sets how many answers there are (1,500 here); the seed of a run that fails is in its output.
"""

from __future__ import annotations

import asyncio
import os
import random
import struct
import time
from collections import Counter
from pathlib import Path

from support.hostile_http2 import Asked, HostileHttp2, good
from support.http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from support.partners import Got, ask
from support.snapshot_node import SnapshotNode

CHANCES = int(os.environ.get("PORTAZGO_TEST_HTTP2_CHANCES", "1500"))
AT_ONCE = 12
SEED = int(os.environ.get("PORTAZGO_TEST_SEED", str(random.SystemRandom().randrange(1 << 32))))
TIMEOUTS = {"connect_ms": 1000, "first_byte_ms": 250, "idle_ms": 250, "total_ms": 1500}
BLAMED_ON_OTHERS = {"gateway_panic", "gateway_overloaded", "client_aborted", "slow_reader", "node_not_ready"}
FIELDS = [
    (":status", "200"), (":status", "204"), (":status", "103"), (":status", "101"), (":status", "500"), (":path", "/"),
    ("content-length", "4"), ("content-length", "0"), ("content-length", "99999999999999999999"), ("x-note", "y" * 3000),
    ("X-Note", "y"), ("", ""), ("transfer-encoding", "chunked"), ("content-type", "text/plain"), ("te", "x"),
]  # fmt: skip


def chance(dice: random.Random, asked: Asked) -> bytes:
    """Make one frame, sound or not."""
    stream = dice.choices([asked.stream, 0, asked.stream + 2, 1, 2, dice.randrange(1 << 31)], [70, 10, 5, 5, 5, 5])[0]
    kind = dice.choices(
        [HEADERS, DATA, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, 2, 5, dice.randrange(256)],
        [40, 30, 4, 4, 3, 2, 5, 5, 2, 2, 3],
    )[0]
    flags = dice.choices(
        [0, END_STREAM, END_HEADERS, END_HEADERS | END_STREAM, 0x28, dice.randrange(256)], [3, 3, 6, 4, 1, 1]
    )[0]
    if kind in (HEADERS, CONTINUATION):
        fields = [FIELDS[0]] * dice.randrange(2) + dice.choices(FIELDS, k=dice.randrange(4))
        payload = asked.line.block(fields) if dice.random() < 0.9 else dice.randbytes(dice.randrange(60))
    elif kind == DATA:
        payload = b"z" * dice.choice([0, 1, 4, 4, 100, 16_384])
    elif kind in (RST_STREAM, WINDOW_UPDATE):
        payload = struct.pack(">I", dice.choice([0, 1, 7, 8, 65_535, 0x7FFFFFFF]))
    elif kind == SETTINGS:
        pairs = [
            (dice.randrange(8), dice.choice([0, 1, 100, 16_384, 65_535, 0xFFFFFFFF])) for _ in range(dice.randrange(3))
        ]
        payload = b"".join(struct.pack(">HI", *pair) for pair in pairs)
    elif kind == GOAWAY:
        payload = struct.pack(">II", dice.choice([0, 1, asked.stream, 0x7FFFFFFF]), dice.choice([0, 0, 2, 11]))
    else:
        payload = dice.randbytes(dice.choice([0, 4, 5, 8, 20]))
    written = bytearray(frame(kind, flags, stream, payload))
    if dice.random() < 0.03:
        written[dice.randrange(len(written))] ^= 1 << dice.randrange(8)
    return bytes(written)


def mild(dice: random.Random, asked: Asked) -> bytes:
    """Make a frame that may come, if not here."""
    return dice.choice(
        [
            frame(DATA, 0, asked.stream, b"z" * dice.choice([0, 1, 2, 4, 1_000])),
            frame(PING, 0, 0, b"12345678"),
            frame(SETTINGS, 0, 0),
            frame(WINDOW_UPDATE, 0, dice.choice([0, asked.stream]), struct.pack(">I", 1_000)),
            frame(RST_STREAM, 0, asked.stream, struct.pack(">I", dice.choice([0, 2, 7, 8]))),
            frame(
                GOAWAY,
                0,
                0,
                struct.pack(">II", dice.choice([asked.stream, max(asked.stream - 2, 0)]), dice.choice([0, 0, 2])),
            ),
            frame(HEADERS, END_HEADERS, asked.stream, asked.line.block([(":status", "103")])),
            frame(HEADERS, END_HEADERS | END_STREAM, asked.stream, asked.line.block([("x-note", "y")])),
            frame(200, 0, 0, b"x"),
        ]
    )


def by(dice: random.Random) -> HostileHttp2:
    async def script(asked: Asked) -> None:
        # Half of them begin well, so that what comes then meets an answer under way.
        if dice.random() < 0.5:
            asked.head(200, *dice.choice([[], [], [("content-length", "4")]]))
        for _ in range(dice.choice([0, 1, 1, 2, 3, 8])):
            asked.line.send(mild(dice, asked) if dice.random() < 0.7 else chance(dice, asked))
            if dice.random() < 0.2:
                await asyncio.sleep(0.002)
        end = dice.random()
        if end < 0.1:
            asked.line.writer.close()
        elif end < 0.5:
            asked.data(b"good", end=True)
        elif end < 0.8:
            await good(asked)

    return HostileHttp2(scripts={"chance": script, "good": good})


def test_frames_by_chance_end_every_call_and_nothing_else(tmp_path: Path) -> None:
    print(f"PORTAZGO_TEST_SEED={SEED}")
    dice = random.Random(SEED)
    with by(dice) as backend:
        live = {
            "targets": [f"http://127.0.0.1:{backend.port}"],
            "timeouts": TIMEOUTS,
            "forwarding": {"http2": "prior_knowledge"},
        }
        with SnapshotNode(tmp_path / "node", "127.0.0.1:1", threads=1, further={"many": live}) as node:

            async def partner(calls: int) -> list[Got]:
                asked = dice.choices([("GET", b""), ("POST", b"x" * 3000)], k=calls)
                return [await ask(node, "many/chance", method, body) for method, body in asked]

            async def everybody() -> list[Got]:
                found = await asyncio.gather(*(partner(CHANCES // AT_ONCE) for _ in range(AT_ONCE)))
                return [got for one in found for got in one]

            answers = asyncio.run(everybody())
            # Scripts whose call is over may still send to a line that others share.
            time.sleep(0.5)
            # Whatever came, the next call is as good as any.
            after = [asyncio.run(ask(node, "many/good")) for _ in range(3)]
            idle = node.metric("portazgo_requests_in_flight")
            node.stop()
            records = node.records()
    assert [(got.status, got.body) for got in after] == [(200, b"good")] * 3
    assert idle == 0
    assert len(records) == len(answers) + len(after)
    blamed = [record for record in records if record["fault"] in BLAMED_ON_OTHERS]
    assert not blamed, [(one["fault"], one["status_sent"], one["delivery"], one["bytes_out"]) for one in blamed]
    # The others were too far gone for an answer: they were cut off, and their records say so.
    cut = sum(got.status == 0 for got in answers)
    assert cut <= sum(record["delivery"] == "aborted" for record in records)
    faults = Counter(record["fault"] for record in records)
    assert {None, "backend_bad_response"} <= faults.keys()
    print(dict(faults))

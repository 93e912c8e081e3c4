"""Builds and runs the fuzz targets of native/fuzz and of tests/fuzz, each for FUZZ_SECONDS (default 15). Exits 1 on a finding.

`python scripts/fuzz.py [TARGET...]`; `--build` only builds them; `FUZZ_LOG=FILE` adds the figures to a Markdown table. What
is interesting stays in native/fuzz/target/corpus; native/fuzz/corpus is the small part that is kept in the repository. The
framing vectors of tests/cases are seeds too. A finding is written to native/fuzz/artifacts; it becomes a test first. Those of
tests/fuzz fuzz Python, by the same libFuzzer under atheris.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
FUZZ = PROJECT / "native" / "fuzz"
CASES = PROJECT / "tests" / "cases"
OF_PYTHON = {path.stem: path for path in (PROJECT / "tests" / "fuzz").glob("*.py")}
TARGETS = sorted([*(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs")), *OF_PYTHON])
LONGEST_INPUT = 4096
# A bound for one input, and for all memory: a target that needs more has found something.
INPUT_SECONDS, MEGABYTES = 10, 1024
FIGURES = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
COVERAGE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")


def build() -> Path:
    """Build all targets. Returns the folder of the programs."""
    # On the pinned stable compiler: coverage needs only what it calls unstable. The code under test has no `unsafe`, so no
    # sanitizer is built in and the targets run several times as fast.
    command = [os.environ.get("CARGO_FUZZ", "cargo-fuzz"), "build", "--fuzz-dir", str(FUZZ), "--sanitizer", "none"]
    subprocess.run(command, check=True, cwd=FUZZ, env={**os.environ, "RUSTC_BOOTSTRAP": "1"})
    return next((FUZZ / "target").glob("*-*-*/release"))


def seeds(target: str) -> Iterator[bytes]:
    """Inputs from the golden cases; targets without any begin with nothing."""
    return SEEDS[target]() if target in SEEDS else iter(())


def _cases(file: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((CASES / file).read_text("utf-8"))["cases"]
    return cases


def _request_heads() -> Iterator[bytes]:
    for path in sorted((CASES / "framing").glob("*.json")):
        for vector in json.loads(path.read_text("utf-8"))["vectors"]:
            yield b"\x06" + _bytes(vector["send"])


def _request_bodies() -> Iterator[bytes]:
    return (head[:1] + head[1:].partition(b"\r\n\r\n")[2] for head in _request_heads())


def _responses() -> Iterator[bytes]:
    return (b"\x06" + _bytes(case["send"]) for case in _cases("answers.json"))


def _keys() -> Iterator[bytes]:
    yield from (case["presented"].encode() for case in _cases("keys.json"))
    # Two that were imported: the target knows them.
    yield from (b"NotARealKeyOfAnApiGateway00001", b"Ab3dEf7h.NotARealSecretOfAnotherSystem000")


def _proxy_headers() -> Iterator[bytes]:
    for case in _cases("proxy_protocol.json"):
        yield bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode("latin-1")


def _http2_heads() -> Iterator[bytes]:
    for case in _cases("http2_requests.json"):
        pseudo = {name: value for name, value in case["fields"] if name.startswith(":")}
        fields = [f"{name}:{value}" for name, value in case["fields"] if not name.startswith(":")]
        first = ["1" if "data" in case else "0", *(pseudo.get(name, "") for name in (":method", ":path", ":authority"))]
        yield "\n".join([*first, *fields]).encode("latin-1")


def _clients() -> Iterator[bytes]:
    return ("\n".join(case["lines"]).encode() for case in _cases("clients.json"))


def _paths() -> Iterator[bytes]:
    document = json.loads((CASES / "paths.json").read_text("utf-8"))
    templates = [route["path"] for route in document["routes"]]
    return ("\n".join([request["path"], *templates]).encode() for request in document["requests"])


def _json() -> Iterator[bytes]:
    """Each vector of JSON by itself, free-form, and where it is skipped."""
    vectors = json.loads((CASES / "rfc8259.json").read_text("utf-8"))
    for vector in (vector for name in ("accepted", "refused", "decided") for vector in vectors[name]):
        if "pieces" not in vector:
            document = bytes.fromhex(vector["hex"]) if "hex" in vector else vector["text"].encode()
            yield b"\x02" + document
            yield b"\x02" + b'{"free":' + document + b',"skipped":' + document + b"}"


def _rewritten_bodies() -> Iterator[bytes]:
    document = json.loads((CASES / "requests.json").read_text("utf-8"))
    yield from (f"{case['program']}\n{case['body']}".encode() for case in document["cases"])
    for program in document["programs"].values():
        yield json.dumps(program, separators=(",", ":")).encode() + b"\n{}"


def _parameters() -> Iterator[bytes]:
    for case in _cases("parameters.json"):
        path, header = case.get("path", ["7"])[0], dict(case.get("headers", [])).get("x-limit", "1")
        yield f"{case.get('query') or ''}\n{path}\n{header}".encode()
    yield from (json.dumps(case["body"]).encode() for case in _cases("backend_errors.json"))


def _recordings() -> Iterator[bytes]:
    """Answers by each of the target's expectations, requests by each of its programs, and both by one in the input."""
    answer = {
        "id": 4711,
        "state": "open",
        "labels": {"ann@example.test": "closed"},
        "tags": [{"id": 1.5, "tags": []}, "2026-11-26", "2026-11-26T15:37:12.25+01:00", "12.50", "a@b.cd"],
        "free": {"at": "http://backend:8000/api/things/ann/?x", "n": None, "t": False},
        "unknown": "7f0d6f0e-8f5b-4a6f-9a3c-3f7e8a1f2b3c",
    }
    body = json.dumps(answer)
    rows = [
        {"types": ["object"], "members": {"id": [1, True]}, "others": 1},
        {"types": ["string"], "words": ['"open"']},
    ]
    expected = json.dumps({"rows": rows, "answers": {"200": 0}})
    words = json.dumps({"words": ['"open"', "3"], "paths": ["/api/things/{id}/"], "prefixes": ["http://backend:8000"]})
    for first in ("0", "1", "2", "3", expected):
        yield from (f"{first}\n{second}\n{body}".encode() for second in ("", words))
        yield f"{first}\n\n\t".encode() + bytes(range(7, 256, 24))
    text = {"string": {"pattern": "^[a-z]+$", "max_length": 9}}
    program = {
        "nodes": [{"object": {"members": [{"in": "a", "node": 1, "out": "b"}], "unknown": "drop"}}, text],
        "depth": 9,
    }
    for first in ("r0", "r1", "r2", "r" + json.dumps({"root": 0, "program": program})):
        yield from (f"{first}\n\n{one}".encode() for one in (body, '{"id": "x", "state": "QZ-1234", "tags": "open"}'))
        yield f"{first}\n\n\t".encode() + bytes(range(7, 256, 24))


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "request_head": _request_heads,
    "request_body": _request_bodies,
    "response": _responses,
    "key": _keys,
    "proxy_protocol": _proxy_headers,
    "http2_head": _http2_heads,
    "client": _clients,
    "path": _paths,
    "projector": _json,
    "rewriter": _rewritten_bodies,
    "parameters": _parameters,
    "recording": _recordings,
}


def _bytes(send: str | list[Any]) -> bytes:
    pieces = [send] if isinstance(send, str) else send
    return "".join(one if isinstance(one, str) else one["text"] * one["times"] for one in pieces).encode("latin-1")


def run(programs: Path, target: str, seconds: int) -> tuple[bool, str]:
    """Run one target. Returns whether nothing was found, and a row of figures."""
    grown, seeded = (FUZZ / "target" / name / target for name in ("corpus", "seeds"))
    for folder in (grown, seeded, FUZZ / "artifacts" / target, FUZZ / "corpus" / target):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (seeded / f"{number:04}").write_bytes(seed[:LONGEST_INPUT])
    program = [sys.executable, str(OF_PYTHON[target])] if target in OF_PYTHON else [str(programs / target)]
    command = [
        *program,
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={INPUT_SECONDS}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={FUZZ / 'artifacts' / target}/",
        "-print_final_stats=1",
        str(grown),
        str(FUZZ / "corpus" / target),
        str(seeded),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    if finished.returncode:
        print(finished.stderr[-6000:])
    figures = dict(FIGURES.findall(finished.stderr))
    coverage = (COVERAGE.findall(finished.stderr) or [("?", "?", "?")])[-1]
    outcome = "nothing found" if finished.returncode == 0 else "FOUND"
    executions, peak = figures.get("number_of_executed_units", "?"), figures.get("peak_rss_mb", "?")
    row = f"| {target} | {seconds} | {executions} | {coverage[0]} | {coverage[2]} | {peak} | {outcome} |"
    return finished.returncode == 0, row


def main(arguments: list[str]) -> int:
    """Run all targets, or those named, or none. Returns the exit code."""
    programs = build()
    if arguments == ["--build"]:
        return 0
    seconds = int(os.environ.get("FUZZ_SECONDS", "15"))
    sound = True
    # A target keeps one core busy.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as cores:
        for good, row in cores.map(lambda target: run(programs, target, seconds), arguments or TARGETS):
            sound &= good
            print(row, flush=True)
            if log := os.environ.get("FUZZ_LOG"):
                with Path(log).open("a", encoding="utf-8") as file:
                    file.write(f"{row} {datetime.now(UTC):%Y-%m-%d} |\n")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

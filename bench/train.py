"""Shows the compiler which paths of the data plane are hot: nodes under many kinds of load (ADR 61).

`make wheel` runs it (`pgo-command` in pyproject.toml) where the instrumented module is installed, which writes what it counted
when a node ends. Nothing is timed here. Refusals are a small part: they are to stand aside of what goes well.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from peers.arena import Arena
from peers.build import PLACE, Tools, beside
from peers.contenders import Contender, portazgos
from peers.contracts_deployment import FILL, WAYS
from peers.deployment import MANY, issue_keys
from peers.load import Load, run
from peers.scene import gateway, origin_of

import portazgo

SECONDS = 3.0
CALLS = {"small": 30_000, "medium": 1_000, FILL: 20_000}
REFUSED = 2_000


def main() -> int:
    """Load one node after the other."""
    tools = beside(Path(portazgo.__file__).parents[1], Path(sys.executable))
    PLACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="train-", dir=PLACE) as name:
        folder = Path(name)
        with Arena(folder, tools) as arena:
            for contender in portazgos():
                if contender.variant.keys != MANY:
                    _of_all_kinds(arena, contender)
        _under_contracts(folder, tools)
    return 0


def _of_all_kinds(arena: Arena, contender: Contender) -> None:
    print(f"  {contender.name}: {contender.does}", flush=True)
    with arena.started(contender, arena.origin_port) as (_, place):
        run(arena.tools.load, contender.load, place.port, place.keys, SECONDS)
        if not contender.load.h2load:
            strangers = place.folder / "strangers"
            strangers.write_text(f"{issue_keys(1)[0].whole}\n")
            run(arena.tools.load, Load(requests=1), place.port, strangers, SECONDS, calls=REFUSED)
            nowhere = replace(contender.load, path="/nowhere")
            run(arena.tools.load, nowhere, place.port, place.keys, SECONDS, calls=REFUSED)


def _under_contracts(folder: Path, tools: Tools) -> None:
    with ExitStack() as running:
        backends = {size: running.enter_context(origin_of(folder, tools, size)) for size in CALLS}
        targets = {size: f"http://127.0.0.1:{backend.port}" for size, backend in backends.items()}
        scene = running.enter_context(gateway(folder, tools, targets))
        for size, calls in CALLS.items():
            for way in WAYS:
                print(f"  {calls} × {way}, {size}", flush=True)
                scene.saturate(way, size, calls)


if __name__ == "__main__":
    sys.exit(main())

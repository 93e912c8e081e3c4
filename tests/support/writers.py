"""Writers that are killed: a process that forks them, has each make changes through the services, and kills at random.

`python -m support.writers SEED SECONDS WRITERS FOLDER` with PORTAZGO_* in the environment. A writer appends a line to a
file of its own after each commit: the revision that it was told, and the change's subject. What it says there must be in
the log. Killing is the parent's: a process id is its child's until it is reaped, and no other's.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

ACTION = "writer.wrote"
PAUSE_SECONDS = (0.01, 0.12)
# On a machine that has much else to do, the run goes on until it has shown something.
ENOUGH = 64
LONGEST_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """Fork, kill and fork anew until the time is over; end them all. Prints how many were killed meanwhile."""
    seed, seconds, writers = int(arguments[0]), float(arguments[1]), int(arguments[2])
    folder = Path(arguments[3])
    _set_up()
    chance = random.Random(seed)  # noqa: S311 - to be repeated by its seed
    children = [_fork(chance.random(), folder) for _ in range(writers)]
    killed = 0
    started = time.monotonic()
    while (lasted := time.monotonic() - started) < seconds or (_written(folder) < ENOUGH and lasted < LONGEST_SECONDS):
        time.sleep(chance.uniform(*PAUSE_SECONDS))
        place = chance.randrange(writers)
        _kill(children[place])
        killed += 1
        children[place] = _fork(chance.random(), folder)
    for child in children:
        _kill(child)
    sys.stdout.write(f"{killed}\n")
    return 0


def _written(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.iterdir())


def _set_up() -> None:
    from portazgo.control.boot import boot
    from portazgo.settings import load

    boot(load())
    # Imported once, before the forks: a writer's short life belongs to writing.
    import portazgo.keys.service
    import portazgo.partners.service  # noqa: F401


def _fork(seed: float, folder: Path) -> int:
    child = os.fork()
    if child == 0:
        chance = random.Random(seed)  # noqa: S311 - likewise
        _write_for_ever(chance, folder / f"{os.getpid()}-{time.monotonic_ns()}")
    return child


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"a writer ended by itself: {status}")


def _write_for_ever(chance: random.Random, acknowledged: Path) -> NoReturn:
    from django.db import OperationalError

    from portazgo.accounts.domain import SYSTEM
    from portazgo.kit.ids import uuid7
    from portazgo.snapshot.log import change

    try:
        acts = _acts(chance)
        with acknowledged.open("ab", buffering=0) as file:
            while True:
                subject = str(uuid7())
                try:
                    with change(SYSTEM, ACTION, subject) as whole:
                        for _ in range(chance.choice((1, 1, 1, 2))):
                            chance.choice(acts)()
                except OperationalError:
                    continue  # busy, or a deadlock that the database resolved: undone, to be told to nobody
                file.write(f"{whole.revision} {subject}\n".encode())
    except BaseException:  # noqa: BLE001 - a fork must not go on with its parent's story
        import traceback

        traceback.print_exc()
        os._exit(1)


def _acts(chance: random.Random) -> list[Callable[[], object]]:
    """Changes of every kind that cross: new rows, the same rows by all, the security lane, deletions."""
    from portazgo.accounts.domain import SYSTEM
    from portazgo.control.provider import wrapper
    from portazgo.keys import service as keys
    from portazgo.keys.models import Key
    from portazgo.kit.clock import SYSTEM_CLOCK
    from portazgo.kit.ids import uuid7
    from portazgo.partners import service as partners
    from portazgo.partners.models import Partner

    shared = list(Partner.objects.order_by("id").values_list("id", flat=True))
    kids = list(Key.objects.order_by("kid").values_list("kid", flat=True))

    def come_and_go() -> None:
        partner = partners.create(SYSTEM, f"p-{uuid7()}", {}, wrapper=wrapper(), clock=SYSTEM_CLOCK)
        if chance.random() < 0.5:
            partners.delete(SYSTEM, partner.id, clock=SYSTEM_CLOCK)

    return [
        come_and_go,
        lambda: partners.suspend(SYSTEM, chance.choice(shared), clock=SYSTEM_CLOCK),
        lambda: partners.resume(SYSTEM, chance.choice(shared), clock=SYSTEM_CLOCK),
        lambda: partners.alter(
            SYSTEM, chance.choice(shared), name=None, metadata={"n": chance.randrange(99)}, clock=SYSTEM_CLOCK
        ),
        lambda: keys.disable(SYSTEM, chance.choice(kids), clock=SYSTEM_CLOCK),
        lambda: keys.enable(SYSTEM, chance.choice(kids), clock=SYSTEM_CLOCK),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

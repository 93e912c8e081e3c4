"""`portazgo worker`: background jobs, one after the other, each at its own pace; those that wait for the object store apart.

A job is a function that does what is due and returns; a failure is logged and the job comes round again.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from portazgo.control.boot import boot
from portazgo.kit.memory import with_few_arenas, without_huge_pages
from portazgo.roles.apart import Apart, do_job

if TYPE_CHECKING:
    from types import FrameType

    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
KEPT_REVISIONS = 10_000
"""A node that was away for more takes the whole snapshot."""


@dataclass(slots=True)
class Job:
    """Something that is done again and again."""

    name: str
    every_seconds: float
    run: Callable[[], object]
    due: float = 0.0


def run_worker(settings: Settings) -> int:
    """Do the jobs until told to end. Returns 0; raises StartRefused, also while a recovery is under way."""
    without_huge_pages()
    with_few_arenas()
    boot(settings)
    from portazgo.control.databases import require_migrated  # noqa: PLC0415 - Django is set up now
    from portazgo.control.presence import share  # noqa: PLC0415

    require_migrated()
    share(settings)
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    jobs = _jobs(settings)
    logger.info("worker works", extra={"jobs": [job.name for job in jobs]})
    while not stopping.wait(TICK_SECONDS):
        for job in jobs:
            _run_if_due(job)
    return 0


def _run_if_due(job: Job) -> None:
    now = time.monotonic()
    if now < job.due:
        return
    job.due = now + job.every_seconds
    do_job(job.name, job.run)


def _apart(name: str, every_seconds: float, run: Callable[[], object]) -> Job:
    return Job(name, every_seconds, Apart(name, run).run)


def _jobs(settings: Settings) -> list[Job]:
    from pathlib import Path  # noqa: PLC0415 - beside the imports that need Django

    from portazgo.accounts.domain import SYSTEM  # noqa: PLC0415
    from portazgo.audit.heads import write_down  # noqa: PLC0415
    from portazgo.contracts.recordings import forget_recorded  # noqa: PLC0415
    from portazgo.control.idempotency import forget_old  # noqa: PLC0415
    from portazgo.control.provider import wrapper  # noqa: PLC0415
    from portazgo.keys import dormancy, overdue, pepper_rotation  # noqa: PLC0415
    from portazgo.keys.notices import tell_expiring, tell_retiring  # noqa: PLC0415
    from portazgo.keys.rotation import forget_ended  # noqa: PLC0415
    from portazgo.kit.clock import SYSTEM_CLOCK  # noqa: PLC0415
    from portazgo.lake.tasks import Lake  # noqa: PLC0415
    from portazgo.leaks.canaries import tell_canaries  # noqa: PLC0415
    from portazgo.nodes.propagation import spread  # noqa: PLC0415
    from portazgo.nodes.service import forget_old_receipts  # noqa: PLC0415
    from portazgo.notifications.tasks import forget_old as forget_old_events  # noqa: PLC0415
    from portazgo.notifications.tasks import sending  # noqa: PLC0415
    from portazgo.partners import data_keys, erasing  # noqa: PLC0415
    from portazgo.signing.tasks import tend  # noqa: PLC0415
    from portazgo.snapshot.feed import compact  # noqa: PLC0415
    from portazgo.usage.balance import forget_told  # noqa: PLC0415
    from portazgo.usage.collector import checkpoint  # noqa: PLC0415
    from portazgo.usage.filling import fill  # noqa: PLC0415
    from portazgo.usage.folding import Folding  # noqa: PLC0415
    from portazgo.usage.keeping import forget_old_rollups  # noqa: PLC0415
    from portazgo.usage.key_use import LastUses  # noqa: PLC0415
    from portazgo.usage.objects import spill  # noqa: PLC0415
    from portazgo.usage.retention import forget_old_callers, forget_old_segments  # noqa: PLC0415
    from portazgo.usage.retiring import NOTICE_BEFORE, forget_old_uses, retiring_secrets_ending  # noqa: PLC0415
    from portazgo.usage.taking import Taking  # noqa: PLC0415
    from portazgo.wrapping.tasks import carry_on  # noqa: PLC0415

    def tell_of_old_secrets() -> int:
        return tell_retiring(retiring_secrets_ending(NOTICE_BEFORE, clock=SYSTEM_CLOCK), SYSTEM_CLOCK.now())

    taking = Taking(SYSTEM_CLOCK, spill, objects_first=settings.usage_segments == "objects")
    told_by_nodes = partial(spread, clock=SYSTEM_CLOCK)
    jobs = [
        Job("rotate the master key", 1, lambda: carry_on(open_wrapper=wrapper, clock=SYSTEM_CLOCK)),
        Job("make data keys", 1, lambda: data_keys.make_missing(wrapper=wrapper(), clock=SYSTEM_CLOCK)),
        Job("send webhooks", 0.5, sending(settings, wrapper, SYSTEM_CLOCK)),
        Job("look for uses of canary keys", 2, lambda: tell_canaries(SYSTEM_CLOCK.now())),
        Job("tell of keys that end soon", 60, lambda: tell_expiring(SYSTEM_CLOCK.now())),
        Job("tell of old secrets that are still in use", 60, tell_of_old_secrets),
        Job("see to secrets that are due for rotation", 300, lambda: overdue.tend(clock=SYSTEM_CLOCK)),
        Job("move secrets to the newest pepper", 1, lambda: pepper_rotation.go_on(wrapper, clock=SYSTEM_CLOCK)),
        Job("forget old events", 3_600, lambda: forget_old_events(SYSTEM_CLOCK.now())),
        Job("compact the change log", 60, lambda: compact(KEPT_REVISIONS)),
        Job("forget recorded answers", 300, lambda: forget_recorded(SYSTEM_CLOCK.now())),
        Job("forget old receipts", 300, lambda: forget_old_receipts(SYSTEM_CLOCK.now())),
        Job("tend signing keys", 5, lambda: tend(told_by_nodes, wrapper=wrapper(), clock=SYSTEM_CLOCK)),
        Job("note when keys were used", 60, LastUses(SYSTEM_CLOCK).note),
        Job("look for keys that nobody uses", 600, lambda: dormancy.tend(clock=SYSTEM_CLOCK)),
        Job("forget answers of repeated writes", 300, lambda: forget_old(SYSTEM_CLOCK.now())),
        Job("write down the head of the audit", 60, lambda: write_down(settings.data_dir, clock=SYSTEM_CLOCK)),
        Job("forget ended secrets", 60, lambda: forget_ended(SYSTEM, clock=SYSTEM_CLOCK)),
        _apart("bring spilled segments into the ledger", 0.5, taking.run),
        Job("fold minutes", 1, Folding(SYSTEM_CLOCK).run),
        Job("fill sums by partner", 2, fill),
        Job("forget what ended processes of nodes told", 3_600, lambda: forget_told(SYSTEM_CLOCK.now())),
        Job("keep the lake", 5, Lake(settings, SYSTEM_CLOCK).run),
        Job("forget old sums of usage", 10, lambda: forget_old_rollups(settings, SYSTEM_CLOCK.now())),
        _apart("forget old records", 60, lambda: forget_old_segments(settings, SYSTEM_CLOCK.now())),
        Job("note here what was erased", erasing.CATCH_UP_SECONDS, lambda: erasing.catch_up(settings.data_dir)),
        Job("tell nodes what was erased", 3_600, lambda: erasing.tell_nodes(clock=SYSTEM_CLOCK)),
        Job("forget callers without a key", 3_600, lambda: forget_old_callers(settings, clock=SYSTEM_CLOCK)),
        Job("forget old uses of retiring secrets", 3_600, lambda: forget_old_uses(SYSTEM_CLOCK.now())),
    ]
    if settings.ledger_url.is_sqlite:
        jobs.append(Job("fold the ledger's log back", 10, lambda: checkpoint(Path(settings.ledger_url.name))))
    return jobs

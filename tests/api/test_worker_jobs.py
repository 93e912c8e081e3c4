"""What waits for the object store holds up no other job of the worker."""

from __future__ import annotations

import threading
import time
from typing import NoReturn

import pytest

from portazgo.kit.objects import ObjectsUnreachable
from portazgo.roles.worker import _jobs
from portazgo.settings import Settings
from portazgo.usage import objects, retention

pytestmark = pytest.mark.usefixtures("database")

SILENT_SECONDS = 20.0


def test_a_silent_store_holds_up_no_other_job(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    asked = threading.Semaphore(0)

    def silent(*_: object) -> NoReturn:
        asked.release()
        answers.wait(SILENT_SECONDS)
        raise ObjectsUnreachable("the store does not answer", "look at the network")

    monkeypatch.setattr(objects, "spill", silent)
    monkeypatch.setattr(retention, "forget_old_segments", silent)
    waiting = {"bring spilled segments into the ledger", "forget old records"}
    jobs = [job for job in _jobs(settings) if job.name in waiting]
    assert {job.name for job in jobs} == waiting
    began = time.monotonic()
    for job in jobs:
        job.run()
        job.run()
    assert time.monotonic() - began < SILENT_SECONDS / 2
    # Each is under way, and once only.
    assert all(asked.acquire(timeout=SILENT_SECONDS / 2) for _ in jobs)
    assert not asked.acquire(timeout=0.2)
    answers.set()

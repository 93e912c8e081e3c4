"""Applies that meet: each does the whole of what it says, or nothing, and none overwrites what it has not seen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import OperationalError, connection, connections
from support.admin import AdminAPI
from support.clock import FakeClock
from support.declared import DOCUMENT, changed
from support.declaring import BASIC, applied, differs, revision

from portazgo.accounts.domain import SYSTEM
from portazgo.declarative import service
from portazgo.declarative.models import Apply
from portazgo.declarative.writing import Hand
from portazgo.kit.errors import Conflict, Problem, Refused
from portazgo.plans import service as plan_service
from portazgo.plans.domain import Terms, parse_rate
from portazgo.plans.models import Plan
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")


def test_applies_at_once_each_do_the_whole_of_what_they_say(api: AdminAPI, hand: Hand) -> None:
    applied(api, DOCUMENT)
    outcomes: list[object] = []

    def work(number: int) -> None:
        tree = changed(*BASIC, [f"{number}/min"], document=changed("plans", f"p{number}", {"rates": [f"{number}/day"]}))
        try:
            outcomes.append(service.apply(service.Order(tree, confirmed=True), hand=hand).revision)
        except Problem as problem:
            outcomes.append(problem.code)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    done = sorted(outcome for outcome in outcomes if isinstance(outcome, int))
    assert done == list(range(2, 2 + len(done)))
    assert {outcome for outcome in outcomes if isinstance(outcome, str)} <= {"state_busy"}
    assert done
    last = Apply.objects.latest("number")
    assert not differs(api, last.document)
    assert differing() == []
    # Exactly one of them is what there is: no mixture.
    assert len([name for name in (plan["name"] for plan in api.every("/plans")) if name.startswith("p")]) == 1


def test_the_same_file_applied_at_once_is_made_once(api: AdminAPI, hand: Hand) -> None:
    outcomes: list[object] = []

    def work() -> None:
        try:
            outcomes.append(service.apply(service.Order(DOCUMENT, confirmed=True), hand=hand).number is not None)
        except Problem as problem:
            outcomes.append(problem.code)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert outcomes.count(True) == 1
    assert set(outcomes) <= {True, False, "state_busy"}
    assert (revision(), Apply.objects.count(), not differs(api, DOCUMENT)) == (1, 1, True)


class Interrupting(FakeClock):
    """A clock that, the first time it is asked, has somebody else act and waits for them."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act: Callable[[], None] | None = act
        self.failures: list[type[Exception]] = []

    def now(self) -> datetime:
        act, self._act = self._act, None
        if act is not None:
            other = threading.Thread(target=self._run, args=(act,))
            other.start()
            other.join(30)
        return super().now()

    def _run(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as problem:  # noqa: BLE001 - what it was is asserted
            self.failures.append(type(problem))
        finally:
            connections.close_all()


def test_nothing_that_somebody_else_commits_meanwhile_is_overwritten_unseen(api: AdminAPI, hand: Hand) -> None:
    applied(api, DOCUMENT)
    # The API is made before the plan is changed: in between the clock is asked.
    wanted = changed(*BASIC, ["30/min"], document=changed("apis", "more", {}))
    shown = api.post("/declarative/diff", {"document": wanted}).body["fingerprint"]
    plan = Plan.objects.get(name="basic")

    def loosen() -> None:
        terms = Terms(list(plan.apis.values_list("id", flat=True)), None, [parse_rate("600/min")])
        plan_service.replace(SYSTEM, plan.id, "basic", terms, clock=FakeClock())

    clock = Interrupting(loosen)
    order = service.Order(wanted, fingerprint=shown, confirmed=True)
    if connection.vendor == "postgresql":
        # The other one was first, after the plan had been made: the plan is made again, and is another.
        with pytest.raises(Conflict) as refusal:
            service.apply(order, hand=Hand(hand.actor, clock, hand.wrapper))
        assert (refusal.value.code, clock.failures) == ("plan_moved", [])
        assert api.get("/plans").body["items"][0]["throttles"][0]["quota"] == 600
    else:
        # One writer at a time: the other one waited in vain.
        assert service.apply(order, hand=Hand(hand.actor, clock, hand.wrapper)).revision == 2
        assert clock.failures == [OperationalError]
        assert api.get("/plans").body["items"][0]["throttles"][0]["quota"] == 30
    assert differing() == []


def test_a_fingerprint_that_nobody_was_shown_is_refused_before_the_guard(api: AdminAPI, hand: Hand) -> None:
    with pytest.raises(Conflict):
        service.apply(service.Order(DOCUMENT, fingerprint="0" * 64), hand=hand)
    with pytest.raises(Refused):
        service.apply(service.Order(DOCUMENT), hand=hand)

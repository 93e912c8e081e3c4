"""What a test leaves is gone before the next one begins, and numbers begin anew."""

from __future__ import annotations

from django.apps import apps
from django.db import router
from support.emptying import empty
from support.named_records import collect_all
from support.segments import Recorded
from support.world import World

from portazgo.snapshot.log import begin_history
from portazgo.usage.models import Manifest


def left() -> dict[str, int]:
    """How many rows there are, by model; those with none are left out."""
    counts = {
        model._meta.label: model._default_manager.using(alias).count()
        for alias in ("default", "ledger")
        for model in apps.get_models()
        if router.allow_migrate_model(alias, model)
    }
    return {name: count for name, count in counts.items() if count}


def test_nothing_is_left_and_numbers_begin_anew(world: World, collected: Recorded) -> None:
    world.application()
    assert len(left()) > 10, left()
    numbers = list(Manifest.objects.using("ledger").values_list("id", flat=True))
    assert numbers
    for alias in ("default", "ledger"):
        empty(alias)
    assert left() == {}
    begin_history()
    collect_all(collected)
    assert list(Manifest.objects.using("ledger").values_list("id", flat=True)) == numbers

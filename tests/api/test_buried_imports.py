"""A database that was restored from before an import refuses to import again what was revoked since, once nodes told of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.admin import AdminAPI, Answer
from support.clock import FakeClock
from support.world import World, snapshot_lines

from portazgo.care.recovery.carrying_out import carry_out, make_plan
from portazgo.care.recovery.planning import Plan
from portazgo.care.recovery.recover import _teller
from portazgo.care.recovery.testimonies import of_folder
from portazgo.keys.models import BuriedSecret, FormerLookupKey, ImportedSecret, Key, LookupKey
from portazgo.wrapping.holdings import holdings

pytestmark = pytest.mark.usefixtures("database")

PLAIN, LIVING = "NotARealKeyOfAnApiGateway00001", "NotARealKeyOfAnApiGateway00002"


def sha(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


def plain(text: str) -> tuple[str, str]:
    return "portazgo", f"key\n{text}\n"


def sha256(text: str) -> tuple[str, str]:
    return "sha256", f"{sha(text)}\n"


def drf(text: str) -> tuple[str, str]:
    return "drf", f"hashed_key,name,revoked,expiry_date\nsha512$${sha(text, 'sha512')},x,false,\n"


def post(api: AdminAPI, application: str, file: tuple[str, str], **members: Any) -> Answer:
    return api.post(f"/applications/{application}/keys/import", {"format": file[0], "content": file[1], **members})


class Restored:
    """Two keys were imported and one was revoked, in a database that was restored from before that; a node knows."""

    def __init__(self, api: AdminAPI, world: World, folder: Path, first: Callable[[str], tuple[str, str]]) -> None:
        self.api, self.application = api, str(world.application()["id"])
        made = [post(api, self.application, first(text)).body["keys"][0]["kid"] for text in (PLAIN, LIVING)]
        self.dead, self.living = made
        self.folder = folder
        (folder / "snapshot.ndjson").write_text("".join(json.dumps(line) + "\n" for line in snapshot_lines()))
        api.post(f"/keys/{self.dead}/revoke")
        (folder / "revoked.log").write_text(f"{self.dead}\n")

    def lose(self, *, also_the_lookup_key: bool) -> None:
        ImportedSecret.objects.all().delete()
        Key.objects.filter(kid__in=[self.dead, self.living]).delete()
        if also_the_lookup_key:
            LookupKey.objects.all().delete()

    def plan(self) -> Plan:
        return make_plan([_teller(of_folder(self.folder, "q"))], question="q")

    def again(self, file: tuple[str, str], **members: Any) -> Answer:
        return post(self.api, self.application, file, **members)


@pytest.mark.parametrize("also_the_lookup_key", [False, True])
@pytest.mark.parametrize(
    ("first", "again"), [(plain, plain), (plain, sha256), (sha256, plain), (drf, plain), (drf, drf)]
)
def test_a_revoked_key_is_not_imported_again_and_a_living_one_is(
    api: AdminAPI, world: World, tmp_path: Path, clock: FakeClock, first: Any, again: Any, also_the_lookup_key: bool
) -> None:
    restored = Restored(api, world, tmp_path, first)
    restored.lose(also_the_lookup_key=also_the_lookup_key)
    assert restored.again(again(PLAIN), dry_run=True).status == 200, "what this is about"
    plan = restored.plan()
    assert (set(plan.graves.lookups.values()), plan.graves.shut) == ({restored.dead}, 0)
    assert len(plan.graves.lookup_keys) == int(also_the_lookup_key)
    assert carry_out(plan, clock=clock)[1] == []
    for members in ({"dry_run": True}, {}):
        refused = restored.again(again(PLAIN), **members)
        assert (refused.status, refused.body["code"]) == (422, "import_refused")
        assert f"it was revoked under kid {restored.dead} before" in refused.body["errors"][0]["message"]
    assert restored.again(again(LIVING)).body["made"] == 1
    # Once is enough.
    assert restored.plan().graves.lookups == {}
    assert FormerLookupKey.objects.count() == int(also_the_lookup_key)


def test_two_digests_by_different_schemes_are_not_known_to_be_of_one_key(
    api: AdminAPI, world: World, tmp_path: Path, clock: FakeClock
) -> None:
    """A limit, and not a wish (docs/import-keys.md)."""
    restored = Restored(api, world, tmp_path, sha256)
    restored.lose(also_the_lookup_key=False)
    carry_out(restored.plan(), clock=clock)
    assert restored.again(drf(PLAIN)).body["made"] == 1


def test_a_lookup_key_that_a_node_made_up_stops_nothing_and_is_told(
    api: AdminAPI, world: World, tmp_path: Path, clock: FakeClock
) -> None:
    restored = Restored(api, world, tmp_path, plain)
    restored.lose(also_the_lookup_key=True)
    true = _teller(of_folder(tmp_path, "q"))
    lines = [json.loads(line) for line in (tmp_path / "snapshot.ndjson").read_text().splitlines()]
    for line in lines:
        if line.get("kind") == "lookup_key":
            line["body"]["wrapped"] = "local:made-up"
    (tmp_path / "snapshot.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    liar = _teller(of_folder(tmp_path, "q"))
    plan = make_plan([liar, true], question="q")
    assert (len(plan.graves.lookup_keys), plan.graves.shut) == (1, 1)
    _, left = carry_out(plan, clock=clock)
    assert ["look-up keys can't be opened" in line for line in left] == [True]
    assert restored.again(plain(PLAIN)).status == 422
    assert restored.again(plain(LIVING)).body["made"] == 1
    assert ("former_lookup_key", 1) in {(one.table, one.count) for one in holdings()}


def test_of_keys_that_live_nothing_is_told(api: AdminAPI, world: World, tmp_path: Path) -> None:
    restored = Restored(api, world, tmp_path, plain)
    (tmp_path / "revoked.log").unlink()
    restored.lose(also_the_lookup_key=False)
    told = of_folder(tmp_path, "q")
    assert (told.graves, told.lookup_key, restored.plan().graves.lookups) == ({}, "", {})
    assert not BuriedSecret.objects.exists()

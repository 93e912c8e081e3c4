"""The rotation of the master key moves every secret of every noun, whatever happens in between."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from support.admin import AdminAPI
from support.clock import FakeClock
from support.documents import PROJECT
from support.kms import CREDENTIALS, KmsServer
from support.world import NOBODY, World, refusal, resource

from portazgo.accounts.domain import SYSTEM
from portazgo.care.facts import state_facts
from portazgo.care.looking import looked_at
from portazgo.control import provider
from portazgo.control.database_options import STATE_SCHEMA
from portazgo.keys.models import FormerLookupKey, KeySecret, LookupKey, Pepper
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.errors import Refused
from portazgo.kit.web.wrapped import WrappedField, wrapped_fields
from portazgo.kit.wrapping import FEATURE, KeyWrapper, WrappingFailed, open_wrapper, sealed_by
from portazgo.kit.wrapping.local import create_key
from portazgo.nodes.models import Node, Receipt
from portazgo.settings import Settings
from portazgo.signing.models import SigningKey
from portazgo.wrapping import service, tasks
from portazgo.wrapping.holdings import holdings
from portazgo.wrapping.models import Rewrapping

pytestmark = pytest.mark.usefixtures("database")

SECRET_NAMES = re.compile(r"wrapped|sealed|cipher|private|secret|password|credential")
HOLD_NO_SECRET = {
    "key_secret.slot",
    "node_token.digest",
}


@pytest.fixture
def old(settings: Settings) -> str:
    """The provider of the process under test."""
    return f"local:{settings.data_dir / 'master.key'}"


@pytest.fixture
def new(tmp_path: Path) -> str:
    """Another master key."""
    create_key(tmp_path / "new.key")
    return f"local:{tmp_path / 'new.key'}"


def everything(world: World) -> None:
    """Make one of everything that is sealed, and two of what keys have."""
    world.key()
    world.api.post(f"/issuers/{world.issuer()['id']}/signing-keys")
    answered = world.api.post("/partners", {"name": "repeated"}, Idempotency_Key="once")
    assert answered.status == 201
    world.endpoint()
    listed = {"format": "sha256", "content": "ab" * 32}
    assert world.api.post(f"/applications/{world.application()['id']}/keys/import", listed).status == 200
    ours = LookupKey.objects.get()
    FormerLookupKey.objects.create(wrapped=ours.wrapped, created_at=ours.created_at)
    place = f"/backends/{world.login_backend()['id']}/credentials/live"
    assert world.api.put(place, {"values": {"username": "portazgo", "password": "of the backend"}}).status == 200


def sealers() -> set[str]:
    return {one.sealed_by for one in holdings()}


def run(wrapper: KeyWrapper, clock: FakeClock, *, slices: int = 50) -> Rewrapping:
    for _ in range(slices):
        tasks.carry_on(open_wrapper=lambda: wrapper, clock=clock)
    return Rewrapping.objects.latest("id")


def test_a_rotation_moves_every_secret_and_each_opens_where_it_belongs(
    world: World, clock: FakeClock, old: str, new: str, tmp_path: Path
) -> None:
    everything(world)
    before = {(field.model, row.pk): field.value_from_object(row) for field, row in rows()}
    assert {field.model._meta.db_table for field, _ in rows()} == {
        field.model._meta.db_table for field in wrapped_fields()
    }, "everything() makes one of each"
    was = open_wrapper(old, tmp_path)
    plain = {
        (field.model, row.pk): was.unwrap(field.context_of(row), field.value_from_object(row)) for field, row in rows()
    }
    ring = open_wrapper(new, tmp_path, also=[old])
    started = service.rotate(SYSTEM, anyway=False, wrapper=ring, clock=clock)
    assert started.total == len(before)
    done = run(ring, clock)
    assert (done.done, done.trouble, done.finished_at) == (len(before), "", clock.now())
    alone = open_wrapper(new, tmp_path)
    for field, row in rows():
        text = field.value_from_object(row)
        assert text != before[field.model, row.pk]
        assert alone.unwrap(field.context_of(row), text) == plain[field.model, row.pk]
        with pytest.raises(WrappingFailed):
            was.unwrap(field.context_of(row), text)
    assert sealers() == set(alone.opens)
    (compiled,) = [resource("pepper", str(row.version)) for row in Pepper.objects.all()]
    assert compiled is not None
    assert compiled["body"]["wrapped"] == Pepper.objects.get().wrapped
    looked_up = resource("lookup_key", "1")
    assert looked_up is not None
    assert looked_up["body"]["wrapped"] == LookupKey.objects.get().wrapped
    for key in SigningKey.objects.all():
        line = resource("signing_key", key.kid)
        assert line is not None
        assert line["body"]["wrapped"] == key.wrapped


def rows() -> Iterator[tuple[WrappedField, Any]]:
    for field in wrapped_fields():
        for row in field.model._default_manager.exclude(**{f"{field.name}__isnull": True}):
            yield field, row


def test_no_column_can_hold_a_secret_without_being_known_to_the_rotation(world: World) -> None:
    everything(world)
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            place = f"{model._meta.db_table}.{field.column}"
            text = isinstance(field, models.TextField | models.CharField | models.BinaryField)
            if text and SECRET_NAMES.search(field.name) and place not in HOLD_NO_SECRET:
                assert isinstance(field, WrappedField), (
                    f"{place}: make it a WrappedField, or say that it holds no secret"
                )
    compiled = {"resource", "change"}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            if table in compiled or table not in connection.introspection.table_names():
                continue
            for field in model._meta.concrete_fields:
                if isinstance(field, WrappedField):
                    continue
                # Names of our own tables, nothing that anybody sends.
                place = f'CAST("{field.column}" AS TEXT)'
                cursor.execute(f'SELECT count(*) FROM "{table}" WHERE {place} LIKE %s', ["%local:%"])  # noqa: S608
                assert cursor.fetchone()[0] == 0, f"{table}.{field.column} holds a wrapped text"


def test_a_rotation_that_is_cut_off_goes_on_where_it_was(
    world: World, clock: FakeClock, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        world.key()
    ring = open_wrapper(new, tmp_path, also=[old])
    service.rotate(SYSTEM, anyway=False, wrapper=ring, clock=clock)
    monkeypatch.setattr(tasks, "ROWS", 2)

    class Killed(BaseException):
        pass

    class Dying:
        """Dies in the middle of the second batch of secrets."""

        opens = ring.opens
        left = 4

        def wrap(self, context: str, plaintext: bytes) -> str:
            if context.startswith("inner/"):
                self.left -= 1
                if self.left == 0:
                    raise Killed
            return ring.wrap(context, plaintext)

        def unwrap(self, context: str, text: str) -> bytes:
            return ring.unwrap(context, text)

    with pytest.raises(Killed):
        run(Dying(), clock)
    half = Rewrapping.objects.get()
    moved = [one for one in KeySecret.objects.all() if sealed_by(one.sealed) == half.target]
    assert (len(moved), half.finished_at) == (2, None)
    done = run(ring, clock)
    assert (done.id, done.done, done.trouble) == (half.id, done.total, "")
    assert sealers() == {done.target}


def test_what_is_written_meanwhile_counts(world: World, clock: FakeClock, old: str, new: str, tmp_path: Path) -> None:
    world.key()
    ring, was = open_wrapper(new, tmp_path, also=[old]), open_wrapper(old, tmp_path)
    service.rotate(SYSTEM, anyway=False, wrapper=ring, clock=clock)
    secret = KeySecret.objects.get()
    context = f"inner/{secret.key_id}"

    class Overtaken:
        """Has somebody write the row between reading and writing."""

        opens = ring.opens

        def wrap(self, context: str, plaintext: bytes) -> str:
            return ring.wrap(context, plaintext)

        def unwrap(self, of: str, text: str) -> bytes:
            if of == context:
                KeySecret.objects.update(sealed=was.wrap(context, b"written meanwhile"))
            return ring.unwrap(of, text)

    run(Overtaken(), clock, slices=1)
    half = Rewrapping.objects.get()
    assert (half.finished_at, "other settings" in half.trouble) == (None, True)
    assert was.unwrap(context, KeySecret.objects.get().sealed) == b"written meanwhile"
    clock.move(timedelta(seconds=61))
    done = run(ring, clock, slices=2)
    assert (done.finished_at, done.trouble) == (clock.now(), "")
    assert ring.unwrap(context, KeySecret.objects.get().sealed) == b"written meanwhile"


def test_one_secret_that_nothing_opens_holds_up_no_other_and_is_told(
    world: World, clock: FakeClock, old: str, new: str, tmp_path: Path
) -> None:
    world.key()
    world.key()
    create_key(tmp_path / "lost.key")
    lost = KeySecret.objects.order_by("pk").first()
    assert lost is not None
    sealed = open_wrapper(f"local:{tmp_path / 'lost.key'}", tmp_path).wrap(f"inner/{lost.key_id}", b"x")
    KeySecret.objects.filter(pk=lost.pk).update(sealed=sealed)
    ring = open_wrapper(new, tmp_path, also=[old])
    service.rotate(SYSTEM, anyway=False, wrapper=ring, clock=clock)
    done = run(ring, clock, slices=3)
    assert (done.finished_at, done.total - done.done) == (None, 1)
    assert f"inner/{lost.key_id}" in done.trouble
    assert service.standing(SYSTEM, wrapper=ring).behind == 1


def test_a_worker_with_other_settings_moves_nothing(
    world: World, clock: FakeClock, old: str, new: str, tmp_path: Path
) -> None:
    world.key()
    service.rotate(SYSTEM, anyway=False, wrapper=open_wrapper(new, tmp_path, also=[old]), clock=clock)
    done = run(open_wrapper(old, tmp_path), clock, slices=1)
    assert (done.done, "same settings" in done.trouble) == (0, True)


def node(clock: FakeClock, *features: str, refused: dict[str, Any] | None = None) -> None:
    moment = {"epoch": NOBODY, "epoch_seen_at": clock.now(), "first_seen_at": clock.now(), "contact_at": clock.now()}
    one = Node.objects.create(id=NOBODY, label="paris", **moment)
    Receipt.objects.create(
        node=one, epoch=NOBODY, history="", revision=1, hash="", security=0, applied_at=clock.now(),
        received_at=clock.now(), threads=1, refused=refused, features=list(features),
    )  # fmt: skip


def test_a_node_that_could_not_open_it_is_named_before_anything_is_moved(
    world: World, clock: FakeClock, old: str, new: str, tmp_path: Path
) -> None:
    world.key()
    ring = open_wrapper(new, tmp_path, also=[old])
    node(clock, *(FEATURE + name for name in open_wrapper(old, tmp_path).opens))
    with pytest.raises(Refused) as caught:
        service.rotate(SYSTEM, anyway=False, wrapper=ring, clock=clock)
    assert (caught.value.code, caught.value.members["nodes"]) == ("nodes_cannot_unwrap", ["paris"])
    assert not Rewrapping.objects.exists()
    Receipt.objects.update(features=[FEATURE + name for name in ring.opens])
    assert service.rotate(SYSTEM, anyway=False, wrapper=ring, clock=clock).target == ring.opens[0]


def test_it_waits_while_a_node_refuses_what_was_sealed_anew(
    world: World, clock: FakeClock, old: str, new: str, tmp_path: Path
) -> None:
    world.key()
    ring = open_wrapper(new, tmp_path, also=[old])
    node(clock, refused={"revision": 2, "where": "key wrapping", "why": "x"})
    service.rotate(SYSTEM, anyway=True, wrapper=ring, clock=clock)
    waits = run(ring, clock, slices=2)
    assert (waits.done, "paris" in waits.trouble) == (0, True)
    Receipt.objects.update(refused=None)
    assert run(ring, clock).finished_at is not None


@pytest.fixture
def kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KmsServer]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with KmsServer(tmp_path) as running:
        yield running


def test_from_a_file_to_kms_from_key_to_key_and_what_is_said_while_kms_is_away(
    world: World, clock: FakeClock, old: str, tmp_path: Path, kms: KmsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(world)
    ring = open_wrapper(kms.uri(reuse="0s"), tmp_path, also=[old])
    monkeypatch.setattr(provider, "wrapper", lambda: ring)
    monkeypatch.setattr("portazgo.control.middleware.wrapper", lambda: ring)
    api: AdminAPI = world.api
    started = api.post("/wrapping/rotate", {}).body
    assert started["target"] == f"aws-kms:{kms.key_id}"
    assert run(ring, clock).trouble == ""
    second = kms.new_key()
    kms.client.update_alias(AliasName="alias/portazgo", TargetKeyId=second)
    assert api.post("/wrapping/rotate", {}).body["target"] == f"aws-kms:{second}"
    assert run(ring, clock).trouble == ""
    shown = api.get("/wrapping").body
    assert (shown["sealing"], shown["behind"], shown["trouble"]) == (f"aws-kms:{second}", 0, None)
    assert {one["sealed_by"] for one in shown["secrets"]} == {f"aws-kms:{second}"}

    kms.stop()
    application = world.application()["id"]
    refused = api.post(f"/applications/{application}/keys", {"name": "late"})
    assert refusal(refused) == (503, "kms_unavailable")
    assert (str(kms.port) in refused.body["detail"], bool(refused.body["remedy"])) == (True, True)
    assert api.post("/wrapping/rotate", {}).body["code"] == "kms_unavailable"
    away = api.get("/wrapping").body
    assert (away["sealing"], str(kms.port) in away["trouble"], away["secrets"]) == (None, True, shown["secrets"])
    assert api.post("/partners", {"name": "goes-on"}, Idempotency_Key="two").status == 201
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in json.dumps([refused.body, away])


def test_whoever_judges_a_copy_opens_the_few_secrets_that_nodes_begin_with(
    world: World, settings: Settings, wrapper: KeyWrapper
) -> None:
    everything(world)
    # One that is gone has no private half any more.
    SigningKey.objects.create(
        kid="gone", issuer_id=world.issuer()["id"], algorithm="ES256", published_at=SYSTEM_CLOCK.now()
    )
    with looked_at(settings.state_url, STATE_SCHEMA) as query:
        facts = state_facts(query)
    assert sorted({context.partition("/")[0] for context, _ in facts.sealed}) == ["lookup_key", "pepper", "signing_key"]
    facts.open_all(wrapper)


def test_the_page_names_every_purpose_and_what_of_them_a_node_opens() -> None:
    page = (PROJECT / "docs" / "key-wrapping.md").read_text("utf-8")
    purposes: dict[str, bool] = {}
    for field in wrapped_fields():
        purpose = field.context.partition("/")[0]
        purposes[purpose] = purposes.get(purpose, False) or bool(field.kind)
    (sentence,) = re.findall(r"; the purpose is (.*?)\.\n", page, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) == {*purposes, "wrapping"}
    every, node = (json.loads(block)["Statement"][0] for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    condition = node["Condition"]["StringEquals"]
    opened = condition.pop("kms:EncryptionContext:portazgo:purpose")
    assert sorted(opened) == sorted(purpose for purpose, for_nodes in purposes.items() if for_nodes)
    assert condition == every["Condition"]["StringEquals"]

"""Keys that change in one transaction are read together; what they compile to is what each compiles to alone."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext
from support.admin import AdminAPI
from support.world import World

from portazgo.kit.ids import new_kid
from portazgo.snapshot.compilers import READ_AT_ONCE, compile_resource, compile_resources
from portazgo.snapshot.wire import ResourceRef


def test_each_compiles_to_what_it_compiles_to_alone(api: AdminAPI, world: World) -> None:
    application = world.application()
    kids = [
        world.key(application, name=f"key {number}", scopes=["a:read"] * (number % 2))["kid"] for number in range(5)
    ]
    assert api.post(f"/keys/{kids[0]}/rotate").status == 200
    assert api.post(f"/keys/{kids[1]}/disable").status == 200
    assert api.post(f"/keys/{kids[2]}/revoke").status == 200
    assert api.delete(f"/keys/{kids[2]}").status == 204
    refs = [ResourceRef("key", kid) for kid in kids]
    # Of another kind in between, one that never was, and one twice.
    refs[3:3] = [ResourceRef("application", application["id"]), ResourceRef("key", new_kid()), refs[0]]
    together = list(compile_resources(refs))
    assert together == [(ref, compile_resource(ref)) for ref in refs]
    assert [resource is None for _, resource in together] == [False, False, True, False, True, False, False, False]


def test_so_many_keys_take_as_many_reads_as_two(world: World) -> None:
    application = world.application()
    refs = [ResourceRef("key", world.key(application)["kid"]) for _ in range(12)]
    reads = []
    for some in (refs[:2], refs, [*refs, *(ResourceRef("key", new_kid()) for _ in range(READ_AT_ONCE))]):
        with CaptureQueriesContext(connection) as asked:
            assert len(list(compile_resources(some))) == len(some)
        reads.append(len(asked))
    assert reads == [2, 2, 3]

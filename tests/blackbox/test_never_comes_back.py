"""A revoked key never comes back: not by a restart, an old folder, a torn file. What can't be promised is said, and shown."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.deployment import Deployment
from support.key import own_key
from support.node import ExtraNode
from support.relay import Relay

Cut = tuple[ExtraNode, Relay]


@pytest.fixture
def relay(deployment: Deployment) -> Iterator[Relay]:
    """A control plane that can fall silent, for one node."""
    with Relay(deployment.environment["PORTAZGO_INTERNAL_URL"]) as between:
        yield between


@pytest.fixture
def node(deployment: Deployment, tmp_path: Path, relay: Relay) -> Iterator[ExtraNode]:
    """A second node, that follows the relay."""
    extra = ExtraNode(deployment, tmp_path, PORTAZGO_INTERNAL_URL=relay.url)
    extra.start()
    yield extra
    extra.stop()
    deployment.admin.post(f"/nodes/{extra.node_id}/retire")


def test_a_restart_with_newer_changes_unread_keeps_the_dead_dead(
    deployment: Deployment, node: ExtraNode, relay: Relay
) -> None:
    dead, good = own_key(deployment, "dead"), own_key(deployment, "good")
    deployment.wait_for(lambda: node.call(good.whole)[0] == 200, "the keys")
    deployment.admin.post(f"/keys/{dead.kid}/revoke")
    deployment.wait_for(lambda: node.call(dead.whole)[0] == 401, "its death")
    deployment.wait_for(lambda: dead.kid in (node.kept / "revoked.log").read_text(), "the note of it")
    changes = node.kept / "changes.ndjson"
    # The page itself is kept after that.
    deployment.wait_for(lambda: bool(_told_of(dead.kid, changes.read_bytes().splitlines())), "the page of it")
    # What comes now is never read: neither before the restart nor after.
    relay.silent.set()
    late = own_key(deployment, "late")
    node.kill()
    # As far as its own pages go, the key lives: only the list of the dead says otherwise.
    changes.write_bytes(b"".join(_without(dead.kid, changes.read_bytes().splitlines(keepends=True))))
    node.start()
    assert [node.call(key.whole)[0] for key in (good, dead, late)] == [200, 401, 401]
    relay.silent.clear()
    deployment.wait_for(lambda: node.call(late.whole)[0] == 200, "what was unread", 60)
    assert node.call(dead.whole)[0] == 401


def _told_of(kid: str, lines: list[bytes]) -> list[int]:
    """Number the lines that say that the key is dead."""
    return [number for number, line in enumerate(lines) if b'"security"' in line and kid.encode() in line]


def _without(kid: str, lines: list[bytes]) -> list[bytes]:
    """Cut off the pages from the one on that revoked the key."""
    marked = _told_of(kid, lines)
    ends = [number for number, line in enumerate(lines) if line.startswith(b'{"end"') and number < marked[0]]
    return lines[: ends[-1] + 1] if ends else []


def test_a_list_of_the_dead_that_was_torn_at_its_end_loses_no_other(
    deployment: Deployment, node: ExtraNode, relay: Relay
) -> None:
    first, torn, after = (own_key(deployment, name) for name in ("first", "torn", "after"))
    deployment.wait_for(lambda: node.call(after.whole)[0] == 200, "the keys")
    for key in (first, torn):
        deployment.admin.post(f"/keys/{key.kid}/revoke")
    log = node.kept / "revoked.log"
    deployment.wait_for(lambda: log.exists() and torn.kid in log.read_text(), "the note of it")
    node.kill()
    # The power failed while the last line was written.
    text = log.read_text()
    log.write_text(text[: text.index(torn.kid) + 4])
    node.start()
    assert [node.call(key.whole)[0] for key in (first, after)] == [401, 200]
    # What was torn comes again with the feed, unless a page that was kept told it already.
    deployment.wait_for(lambda: node.call(torn.whole)[0] == 401, "what was torn")
    deployment.admin.post(f"/keys/{after.kid}/revoke")
    deployment.wait_for(lambda: node.call(after.whole)[0] == 401, "the next death")
    deployment.wait_for(lambda: after.kid in log.read_text().splitlines(), "a line of its own")
    assert first.kid in log.read_text().splitlines()
    relay.silent.set()
    node.kill()
    node.start()
    assert [node.call(key.whole)[0] for key in (first, torn, after)] == [401, 401, 401]


def test_a_folder_of_an_older_time_is_dead_wrong_until_the_first_contact_and_with_a_lease_not_even_then(
    deployment: Deployment, node: ExtraNode, relay: Relay, tmp_path: Path
) -> None:
    """Nothing in such a folder can know better. So it is the contact that counts, and a lease that keeps it from serving."""
    dead, good = own_key(deployment, "dead"), own_key(deployment, "good")
    deployment.wait_for(lambda: node.call(good.whole)[0] == 200, "the keys")
    node.stop()
    older = tmp_path / "older"
    shutil.copytree(node.kept, older, ignore=shutil.ignore_patterns("*.sock", "slabs"))
    node.start()
    deployment.admin.post(f"/keys/{dead.kid}/revoke")
    deployment.wait_for(lambda: node.call(dead.whole)[0] == 401, "its death")
    node.stop()
    shutil.rmtree(node.kept)
    shutil.copytree(older, node.kept)
    relay.silent.set()
    node.start()
    # This is what can't be promised; docs/prove-a-revocation.md says so.
    assert node.call(dead.whole)[0] == 200
    relay.silent.clear()
    deployment.wait_for(lambda: node.call(dead.whole)[0] == 401, "the first contact", 60)
    assert node.call(good.whole)[0] == 200

    node.stop()
    shutil.rmtree(node.kept)
    shutil.copytree(older, node.kept)
    relay.silent.set()
    leased = ExtraNode(deployment, tmp_path, PORTAZGO_INTERNAL_URL=relay.url, PORTAZGO_REVOCATION_MAX_STALENESS="5s")
    leased.start(wait=False)
    try:
        deployment.wait_for(lambda: answers_at_all(leased, dead.whole), "its port")
        assert (leased.call(dead.whole)[0], leased.call(good.whole)[0]) == (503, 503)
        relay.silent.clear()
        deployment.wait_for(lambda: leased.call(good.whole)[0] == 200, "its lease", 60)
        assert leased.call(dead.whole)[0] == 401
    finally:
        leased.stop()
        relay.silent.clear()


def answers_at_all(node: ExtraNode, key: str) -> bool:
    """Whether the node's port is open."""
    try:
        node.call(key)
    except OSError:
        return False
    return True

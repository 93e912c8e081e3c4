"""The life of a signing key: published, signing, retired, gone; by hand, by schedule, and never before every node is ready."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from support.clock import FakeClock
from support.world import NOBODY, lane, resource

from portazgo.accounts.domain import SYSTEM
from portazgo.kit.errors import Conflict
from portazgo.kit.wrapping import KeyWrapper
from portazgo.nodes.models import Node, NodeToken
from portazgo.nodes.propagation import spread
from portazgo.nodes.service import Contact, record_contacts, retire, store_receipt
from portazgo.nodes.tokens import create_node_token
from portazgo.signing import service
from portazgo.signing.models import Issuer, SigningKey
from portazgo.signing.tasks import tend
from portazgo.snapshot.feed import head_now

pytestmark = pytest.mark.usefixtures("database")

NODE = UUID(NOBODY)
REST = timedelta(seconds=600)


class Life:
    """An issuer, the worker's job, and a node that confirms when it is told to."""

    def __init__(self, clock: FakeClock, wrapper: KeyWrapper, rotate_every: timedelta | None = None) -> None:
        self.clock, self.wrapper = clock, wrapper
        new = service.NewIssuer("partners", "https://gate.example", rotate_every=rotate_every)
        self.issuer: Issuer = service.create_issuer(SYSTEM, new, wrapper=wrapper, clock=clock).issuer
        create_node_token(SYSTEM, "nodes", "", clock=clock)
        self.token = NodeToken.objects.get()

    def tend(self, after: timedelta = timedelta()) -> None:
        self.clock.move(after)
        tend(partial(spread, clock=self.clock), wrapper=self.wrapper, clock=self.clock)

    def rotate(self) -> str:
        made = service.rotate(SYSTEM, self.issuer.id, wrapper=self.wrapper, clock=self.clock)
        return made.key.kid

    def node_polls(self) -> None:
        record_contacts([Contact(NODE, NODE, "madrid", self.clock.now(), self.token.id)])

    def node_confirms(self, lease: int | None = None) -> None:
        head = head_now()
        receipt = {
            "epoch": NODE, "history": head.history, "revision": head.revision, "hash": head.hash, "security": 0,
            "applied_at": self.clock.now(), "threads": 1, "refused": None, "clock_offset_us": 0,
            "max_staleness_seconds": lease, "version": "1", "features": [], "label": "madrid",
        }  # fmt: skip
        store_receipt(self.token, NODE, receipt, clock=self.clock)

    def states(self) -> dict[str, str]:
        return dict(SigningKey.objects.values_list("kid", "state"))


def test_a_key_is_published_then_signs_is_retired_and_goes(clock: FakeClock, wrapper: KeyWrapper) -> None:
    life = Life(clock, wrapper)
    first = SigningKey.objects.get().kid
    second = life.rotate()
    life.tend(REST - timedelta(seconds=1))
    assert life.states() == {first: "signing", second: "published"}
    waiting = SigningKey.objects.get(kid=second)
    assert waiting.waits_for == "backends may keep the key set from before for 600 seconds"
    assert waiting.not_before == waiting.published_at + REST
    life.tend(timedelta(seconds=1))
    assert life.states() == {first: "retired", second: "signing"}
    compiled = resource("signing_key", first)
    assert compiled is not None
    assert compiled["body"]["state"] == "retired"
    life.tend(timedelta(seconds=359))
    assert life.states()[first] == "retired"
    life.tend(timedelta(seconds=1))
    gone = SigningKey.objects.get(kid=first)
    assert (gone.state, gone.wrapped, gone.gone_at) == ("gone", None, clock.now())
    assert resource("signing_key", first) is None
    assert lane() == [], "a life that ends in peace is no alarm"


def test_no_key_signs_while_a_node_has_not_confirmed_it(clock: FakeClock, wrapper: KeyWrapper) -> None:
    life = Life(clock, wrapper)
    life.node_polls()
    life.node_confirms()
    kid = life.rotate()
    life.node_polls()
    life.tend(timedelta(days=1))
    assert life.states()[kid] == "published"
    waits = SigningKey.objects.get(kid=kid)
    assert (waits.waits_for, waits.not_before) == (
        "these nodes have not yet confirmed that they publish the key: madrid",
        None,
    )
    # It confirms late: until then its key set was the old one, so the rest begins now.
    life.node_confirms()
    life.tend(REST - timedelta(seconds=1))
    assert life.states()[kid] == "published"
    life.tend(timedelta(seconds=1))
    assert life.states()[kid] == "signing"


def test_a_node_that_is_away_counts_until_it_may_not_serve_any_more(clock: FakeClock, wrapper: KeyWrapper) -> None:
    life = Life(clock, wrapper)
    life.node_polls()
    life.node_confirms(lease=3600)
    kid = life.rotate()
    # It was last heard of at the beginning: until its lease ends it serves the old key set, whoever asks it.
    life.tend(timedelta(seconds=3600))
    assert life.states()[kid] == "published"
    life.tend(REST - timedelta(seconds=1))
    assert life.states()[kid] == "published"
    life.tend(timedelta(seconds=1))
    assert life.states()[kid] == "signing"


def test_a_node_without_a_lease_counts_until_it_is_retired(clock: FakeClock, wrapper: KeyWrapper) -> None:
    life = Life(clock, wrapper)
    life.node_polls()
    kid = life.rotate()
    life.tend(timedelta(days=30))
    assert life.states()[kid] == "published"
    retire(SYSTEM, Node.objects.get().id, clock=clock)
    life.tend()
    assert life.states()[kid] == "signing"


def test_a_retired_key_stays_while_a_node_may_still_sign_with_it(clock: FakeClock, wrapper: KeyWrapper) -> None:
    life = Life(clock, wrapper)
    first = SigningKey.objects.get().kid
    second = life.rotate()
    life.node_polls()
    life.node_confirms()
    life.tend(REST)
    assert life.states() == {first: "retired", second: "signing"}
    life.tend(timedelta(days=1))
    assert life.states()[first] == "retired"
    life.node_confirms()
    life.tend(timedelta(seconds=360))
    assert life.states()[first] == "gone"


def test_keys_are_rotated_by_schedule_one_at_a_time(clock: FakeClock, wrapper: KeyWrapper) -> None:
    life = Life(clock, wrapper, rotate_every=timedelta(days=90))
    life.tend(timedelta(days=90, seconds=-1))
    assert len(life.states()) == 1
    life.tend(timedelta(seconds=1))
    life.tend()
    assert sorted(life.states().values()) == ["published", "signing"]
    life.tend(REST)
    assert sorted(life.states().values()) == ["retired", "signing"]
    life.tend(timedelta(days=90))
    assert sorted(life.states().values()) == ["gone", "published", "signing"]


def test_a_rotation_waits_for_the_one_before(clock: FakeClock, wrapper: KeyWrapper) -> None:
    life = Life(clock, wrapper)
    kid = life.rotate()
    with pytest.raises(Conflict) as pending:
        life.rotate()
    assert pending.value.code == "rotation_pending"
    service.withdraw_key(SYSTEM, kid, clock=clock)
    assert SigningKey.objects.get(kid=kid).wrapped is None
    life.rotate()

"""Webhooks when nobody listens, when endpoints are slow, when workers are many or are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
import standardwebhooks
from django.db import connections
from support.admin import AdminAPI
from support.clock import FakeClock
from support.webhook_receiver import WebhookReceiver
from support.webhooks import RETRY_FOR, RULES, endpoint_at, sent, verified
from support.world import World, refusal

from portazgo.accounts.domain import SYSTEM
from portazgo.keys import service as keys
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.wrapping import KeyWrapper
from portazgo.notifications.delivering import LEASE, THREADS_PER_ENDPOINT, Deliverer, bury_old
from portazgo.notifications.domain import DeliveryState, EndpointStatus
from portazgo.notifications.models import Delivery
from portazgo.notifications.spreading import spread
from portazgo.settings import Settings

pytestmark = pytest.mark.usefixtures("database")


class TestFailing:
    def test_what_fails_is_sent_again_later_and_later_under_the_same_id(
        self, world: World, receiver: WebhookReceiver, wrapper: KeyWrapper, deliverer: Deliverer, clock: FakeClock
    ) -> None:
        _, secret = endpoint_at(receiver.url, wrapper)
        receiver.answers = [500, 429, 302]
        world.key()
        waited = []
        for _ in range(3):
            assert sent(deliverer, clock) == 1
            (delivery,) = Delivery.objects.all()
            waited.append((delivery.due_at - clock.now()).total_seconds())
            assert deliverer.deliver_due() == 0
            clock.wall = delivery.due_at
        assert sent(deliverer, clock) == 1
        (delivery,) = Delivery.objects.all()
        assert (delivery.state, delivery.attempts, delivery.status) == (DeliveryState.DELIVERED, 4, 204)
        assert len({message.identifier for message in receiver.messages}) == 1
        assert len({message.body for message in receiver.messages}) == 1
        # A redirect is not followed: one call each.
        assert len(receiver.messages) == 4
        for seconds, usual in zip(waited, (5, 20, 80), strict=True):
            assert 0.8 * usual <= seconds <= 1.2 * usual
        # The time of the try is signed, so that a receiver can refuse old messages.
        stamps = [int(message.headers["webhook-timestamp"]) for message in receiver.messages]
        assert stamps == sorted(set(stamps))
        assert secret.reveal().startswith("whsec_")

    def test_an_endpoint_says_when_to_come_back(
        self, world: World, receiver: WebhookReceiver, wrapper: KeyWrapper, deliverer: Deliverer, clock: FakeClock
    ) -> None:
        endpoint_at(receiver.url, wrapper)
        receiver.status, receiver.headers = 503, {"retry-after": "600"}
        world.key()
        sent(deliverer, clock)
        (delivery,) = Delivery.objects.all()
        assert delivery.due_at - clock.now() == timedelta(seconds=600)
        assert "503" in delivery.problem

    def test_what_stays_undelivered_is_a_dead_letter_that_can_be_sent_again(
        self,
        world: World,
        api: AdminAPI,
        receiver: WebhookReceiver,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
    ) -> None:
        endpoint, secret = endpoint_at(receiver.url, wrapper)
        receiver.status = 500
        world.key()
        sent(deliverer, clock)
        clock.move(RETRY_FOR)
        assert (bury_old(clock.now()), sent(deliverer, clock)) == (1, 0)
        (dead,) = api.every("/webhooks/deliveries", {"endpoint": str(endpoint.id), "state": "dead"})
        assert (dead["type"], dead["attempts"], dead["problem"], dead["due_at"]) == (
            "key.created",
            1,
            "the endpoint answered 500",
            None,
        )
        assert api.get(f"/webhooks/endpoints/{endpoint.id}").body["dead"] == 1
        receiver.status = 200
        assert api.post(f"/webhooks/deliveries/{dead['id']}/resend").body["state"] == "pending"
        clock.wall = SYSTEM_CLOCK.now()
        assert deliverer.deliver_due() == 1
        first, second = receiver.messages
        assert first.identifier == second.identifier == dead["event"]
        verified(second, secret)
        assert api.every("/webhooks/deliveries", {"state": "dead"}) == []

    def test_an_endpoint_that_fails_for_long_is_paused_and_the_others_are_told(
        self,
        world: World,
        api: AdminAPI,
        receiver: WebhookReceiver,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
    ) -> None:
        bad, _ = endpoint_at(receiver.url, wrapper, name="bad", events=["key.created"])
        receiver.status = 500
        with WebhookReceiver() as watching:
            endpoint_at(watching.url, wrapper, name="watching", events=["webhook.endpoint_paused"])
            world.key()
            for _ in range(8):
                sent(deliverer, clock)
                clock.move(timedelta(hours=6))
            assert watching.types == ["webhook.endpoint_paused"]
            assert watching.messages[0].event["data"]["endpoint"] == {"id": str(bad.id), "name": "bad"}
        shown = api.get(f"/webhooks/endpoints/{bad.id}").body
        assert (shown["status"], shown["paused_because"]) == ("paused", "the endpoint answered 500")
        tried = len(receiver.messages)
        world.key()
        assert sent(deliverer, clock) == 0
        assert refusal(api.post(f"/webhooks/endpoints/{bad.id}/test")) == (409, "endpoint_paused")
        receiver.status = 200
        assert api.post(f"/webhooks/endpoints/{bad.id}/resume").body["failing_since"] is None
        assert sent(deliverer, clock) == 2
        assert len(receiver.messages) == tried + 2

    def test_an_endpoint_that_is_gone_is_paused_at_once(
        self, world: World, receiver: WebhookReceiver, wrapper: KeyWrapper, deliverer: Deliverer, clock: FakeClock
    ) -> None:
        endpoint, _ = endpoint_at(receiver.url, wrapper)
        receiver.status = 410
        world.key()
        sent(deliverer, clock)
        endpoint.refresh_from_db()
        assert (endpoint.status, endpoint.paused_because) == (
            EndpointStatus.PAUSED,
            "the endpoint answered 410: gone",
        )

    def test_many_workers_send_each_event_once(
        self, world: World, receiver: WebhookReceiver, wrapper: KeyWrapper
    ) -> None:
        endpoint_at(receiver.url, wrapper)
        application = world.application()
        for _ in range(12):
            world.key(application)

        def work() -> None:
            one = Deliverer(lambda: wrapper, RULES, clock=SYSTEM_CLOCK)
            spread(SYSTEM_CLOCK.now(), RETRY_FOR)
            one.deliver_due()
            connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spread(SYSTEM_CLOCK.now(), RETRY_FOR)
        Deliverer(lambda: wrapper, RULES, clock=SYSTEM_CLOCK).deliver_due()
        assert len({message.identifier for message in receiver.messages}) == len(receiver.messages) == 12
        assert set(Delivery.objects.values_list("state", "attempts")) == {(DeliveryState.DELIVERED, 1)}

    def test_the_threads_of_a_worker_leave_slow_endpoints_room_only_for_some(
        self, world: World, receiver: WebhookReceiver, wrapper: KeyWrapper
    ) -> None:
        endpoint_at(receiver.url, wrapper, name="slow")
        receiver.hang = threading.Event()
        application = world.application()
        for _ in range(5):
            world.key(application)
        with WebhookReceiver() as quick:
            endpoint_at(quick.url, wrapper, name="quick", events=["key.revoked"])
            keys.revoke(SYSTEM, world.key(application)["kid"], clock=SYSTEM_CLOCK)
            spread(SYSTEM_CLOCK.now(), RETRY_FOR)
            worker = Deliverer(lambda: wrapper, RULES, clock=SYSTEM_CLOCK, threads=4)
            worker.start()
            assert quick.wait_for(1)[0].event["type"] == "key.revoked"
            assert len(receiver.messages) <= THREADS_PER_ENDPOINT
            receiver.hang.set()
            for _ in range(3):
                receiver.wait_for(min(len(receiver.messages) + 1, 7))
                worker.start()
            receiver.wait_for(7)
            wait_until_settled()


def wait_until_settled() -> None:
    deadline = threading.Event()
    for _ in range(1_500):
        if not Delivery.objects.filter(state=DeliveryState.PENDING).exists():
            return
        deadline.wait(0.02)
    raise AssertionError("a delivery was not written down")


_KILLED = """
import ipaddress
from datetime import timedelta
from portazgo.control.boot import boot
from portazgo.settings import load
boot(load())
from portazgo.control.provider import wrapper
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.notifications.delivering import Deliverer, Rules
from portazgo.notifications.spreading import spread
rules = Rules(timedelta(days=3), timedelta(days=1), [ipaddress.ip_network("127.0.0.0/8")])
spread(SYSTEM_CLOCK.now(), rules.retry_for)
Deliverer(wrapper, rules, clock=SYSTEM_CLOCK).deliver_due()
"""


def test_a_worker_that_is_killed_in_the_middle_of_a_call_loses_nothing(
    world: World,
    receiver: WebhookReceiver,
    wrapper: KeyWrapper,
    deliverer: Deliverer,
    clock: FakeClock,
    settings: Settings,
    state_url: str | None,
) -> None:
    _, secret = endpoint_at(receiver.url, wrapper)
    receiver.hang = threading.Event()
    world.key()
    environment = {**os.environ, "PORTAZGO_DATA_DIR": str(settings.data_dir)}
    environment |= {"PORTAZGO_STATE_URL": state_url} if state_url else {}
    process = subprocess.Popen([sys.executable, "-c", _KILLED], env=environment)
    try:
        assert receiver.began.wait(30)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    # It is still the dead one's, as far as anybody knows.
    assert sent(deliverer, clock) == 0
    receiver.hang.set()
    clock.move(LEASE + timedelta(seconds=1))
    assert sent(deliverer, clock) == 1
    first, second = receiver.messages
    assert first.identifier == second.identifier
    verified_late = standardwebhooks.Webhook(secret.reveal())
    assert verified_late.verify(second.body, second.headers) == first.event
    assert Delivery.objects.get().state == DeliveryState.DELIVERED

"""Webhook endpoints: who is told what, how it is signed, and where it is never sent."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import standardwebhooks
from django.db import connections, transaction
from support.admin import AdminAPI
from support.clock import FakeClock
from support.webhook_receiver import WebhookReceiver
from support.webhooks import RETRY_FOR, endpoint_at, sent, verified
from support.world import NOBODY, World, pointers, refusal

from portazgo.accounts.domain import Actor
from portazgo.keys import service as keys
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping import KeyWrapper
from portazgo.notifications.delivering import Deliverer, Rules
from portazgo.notifications.domain import DeliveryState
from portazgo.notifications.events import CATALOGUE, Named, WebhookTest
from portazgo.notifications.models import Delivery, Event, WebhookEndpoint, WebhookSecret
from portazgo.notifications.outbox import NotInTransaction, publish
from portazgo.notifications.spreading import spread
from portazgo.notifications.tasks import KEPT, forget_old

pytestmark = pytest.mark.usefixtures("database")

SCHEMA = json.loads((Path(__file__).parents[2] / "schema" / "events.json").read_text("utf-8"))
URL = "https://hooks.example.com/portazgo"


class TestTelling:
    def test_what_happens_to_a_key_is_told_signed_and_in_the_published_form(
        self,
        world: World,
        api: AdminAPI,
        receiver: WebhookReceiver,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
    ) -> None:
        _, secret = endpoint_at(receiver.url, wrapper)
        application = world.application()
        made = world.key(application, name="main", expires_at="2099-01-01T00:00:00Z")
        for act in ("disable", "enable", "revoke", "revoke"):
            assert api.post(f"/keys/{made['kid']}/{act}").status == 200
        sent(deliverer, clock)
        told = [verified(message, secret) for message in receiver.messages]
        # Order is not promised; that each is told once is.
        assert Counter(one["type"] for one in told) == Counter(
            ["key.created", "key.disabled", "key.enabled", "key.revoked"]
        )
        for one in told:
            jsonschema.validate(one, SCHEMA)
            assert one["data"]["kid"] == made["kid"]
            assert one["data"]["application"] == {"id": application["id"], "name": application["name"]}
        text = json.dumps(told)
        assert made["api_key"].rsplit("_", 1)[1][:32] not in text
        assert secret.reveal() not in text

    def test_an_event_comes_true_with_what_it_tells_or_not_at_all(self, world: World, actor: Actor) -> None:
        kid = world.key()["kid"]
        before = Event.objects.count()
        with pytest.raises(RuntimeError, match="undone"), transaction.atomic():
            keys.revoke(actor, kid, clock=SYSTEM_CLOCK)
            assert Event.objects.filter(type="key.revoked").exists()
            raise RuntimeError("undone")
        assert Event.objects.count() == before

    def test_an_event_outside_a_transaction_is_a_mistake(self) -> None:
        with pytest.raises(NotInTransaction):
            publish(WebhookTest(endpoint=Named(id="1", name="x")), partner=None, at=SYSTEM_CLOCK.now())

    def test_a_partner_is_told_of_its_own_keys_and_never_of_anothers(
        self, world: World, receiver: WebhookReceiver, wrapper: KeyWrapper, deliverer: Deliverer, clock: FakeClock
    ) -> None:
        mine, other = world.partner(), world.partner()
        endpoint_at(receiver.url, wrapper, name="mine", partner=mine["id"])
        with WebhookReceiver() as theirs, WebhookReceiver() as everybody:
            endpoint_at(theirs.url, wrapper, name="theirs", partner=other["id"])
            endpoint_at(everybody.url, wrapper, name="ours")
            my_key, their_key = world.key(world.application(mine)), world.key(world.application(other))
            world.key(world.application(mine), canary=True)
            sent(deliverer, clock)
            assert [message.event["data"]["kid"] for message in receiver.messages] == [my_key["kid"]]
            assert [message.event["data"]["kid"] for message in theirs.messages] == [their_key["kid"]]
            # A canary is the operator's secret, even from the partner whose key it seems to be.
            assert len(everybody.messages) == 3

    def test_an_endpoint_gets_the_types_that_it_wants_and_nothing_from_before_it_was_made(
        self,
        world: World,
        api: AdminAPI,
        receiver: WebhookReceiver,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
    ) -> None:
        kid = world.key()["kid"]
        endpoint_at(receiver.url, wrapper, events=["key.revoked", "key.created"])
        api.post(f"/keys/{kid}/disable")
        api.post(f"/keys/{kid}/revoke")
        sent(deliverer, clock)
        assert receiver.types == ["key.revoked"]

    def test_what_is_told_once_is_told_once_by_many(self) -> None:
        data = WebhookTest(endpoint=Named(id="1", name="x"))
        told: list[bool] = []

        def tell() -> None:
            with transaction.atomic():
                told.append(publish(data, partner=None, at=SYSTEM_CLOCK.now(), once="the same"))
            connections.close_all()

        threads = [threading.Thread(target=tell) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == [False] * 5 + [True]
        assert Event.objects.filter(once="the same").count() == 1


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("http://hooks.example.com/", "https://"),
            ("ftp://hooks.example.com/", "https://"),
            ("https://user:password@hooks.example.com/", "user name"),
            ("https://127.0.0.1/", "private"),
            ("https://10.1.2.3/", "private"),
            ("https://[::1]/", "private"),
            ("https://[::ffff:10.1.2.3]/", "private"),
            ("https://2130706433/", "private"),
            ("https://169.254.169.254/latest/meta-data/", "never called"),
            ("https://0xa9fea9fe/", "never called"),
            ("https://hooks.example.com:99999/", "no URL"),
            ("https://hooks.example.com/#part", "fragment"),
            ("https://hooks.example.com/a b", "white space"),
            ("https:///nothing", "https://"),
        ],
    )
    def test_what_is_no_place_for_a_receiver_is_refused_when_it_is_named(
        self, api: AdminAPI, url: str, told: str
    ) -> None:
        answer = api.post("/webhooks/endpoints", {"name": "bad", "url": url})
        assert pointers(answer) == {"/url"}
        assert told in answer.body["errors"][0]["message"]
        assert not WebhookEndpoint.objects.exists()

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("http://127.0.0.1:{port}/hook", "private or local network"),
            ("https://localhost:{port}/hook", "private or local network"),
            ("https://169.254.169.254:{port}/", "never called"),
            ("https://0.0.0.0:{port}/", "never called"),
            ("https://nowhere.invalid/", "not known"),
        ],
    )
    def test_where_a_name_leads_is_judged_at_every_delivery(
        self, world: World, receiver: WebhookReceiver, wrapper: KeyWrapper, clock: FakeClock, url: str, told: str
    ) -> None:
        endpoint_at(url.format(port=receiver.port), wrapper)
        world.key()
        clock.wall = SYSTEM_CLOCK.now()
        strict = Deliverer(lambda: wrapper, Rules(RETRY_FOR, timedelta(days=1), []), clock=clock)
        sent(strict, clock)
        (delivery,) = Delivery.objects.all()
        assert (delivery.state, delivery.status) == (DeliveryState.PENDING, None)
        assert told in delivery.problem
        assert receiver.messages == []

    def test_link_local_stays_closed_whatever_the_operator_allows(
        self, world: World, wrapper: KeyWrapper, clock: FakeClock
    ) -> None:
        endpoint_at("http://169.254.169.254/", wrapper)
        world.key()
        clock.wall = SYSTEM_CLOCK.now()
        wide = Rules(RETRY_FOR, timedelta(days=1), [ipaddress.ip_network("0.0.0.0/0")])
        sent(Deliverer(lambda: wrapper, wide, clock=clock), clock)
        assert "never called" in Delivery.objects.get().problem

    def test_a_receiver_whose_certificate_nobody_vouches_for_gets_nothing(
        self, world: World, wrapper: KeyWrapper, deliverer: Deliverer, clock: FakeClock, tmp_path: Path
    ) -> None:
        with WebhookReceiver(tls_folder=tmp_path) as receiver:
            endpoint_at(receiver.url, wrapper)
            world.key()
            sent(deliverer, clock)
            assert "certificate" in Delivery.objects.get().problem.lower()
            assert receiver.messages == []

    def test_a_receiver_whose_certificate_is_vouched_for_is_told_over_tls(
        self,
        world: World,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with WebhookReceiver(tls_folder=tmp_path) as receiver:
            monkeypatch.setenv("SSL_CERT_FILE", str(receiver.authority))
            endpoint_at(receiver.url, wrapper)
            world.key()
            sent(deliverer, clock)
            assert receiver.types == ["key.created"]


class TestEndpoints:
    def test_the_secret_is_shown_once_and_kept_sealed(self, api: AdminAPI, world: World, wrapper: KeyWrapper) -> None:
        partner = world.partner()
        made = api.post("/webhooks/endpoints", {"name": "ops", "url": URL, "partner": partner["id"]})
        assert made.status == 201, made
        secret = made.body["secret"]
        (row,) = WebhookSecret.objects.all()
        assert wrapper.unwrap(f"webhook_secret/{row.id}", row.wrapped).decode() == secret
        path = f"/webhooks/endpoints/{made.body['id']}"
        shown = [api.get(path), api.get("/webhooks/endpoints"), api.patch(path, {"name": "renamed"}), api.get("/audit")]
        assert all(answer.status == 200 and secret not in json.dumps(answer.body) for answer in shown)
        assert shown[0].body["partner"] == partner["id"]
        assert api.every("/webhooks/endpoints", {"name": "renamed"})[0]["id"] == made.body["id"]

    def test_while_a_secret_is_replaced_both_sign(
        self,
        api: AdminAPI,
        world: World,
        receiver: WebhookReceiver,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
    ) -> None:
        endpoint, old = endpoint_at(receiver.url, wrapper)
        path = f"/webhooks/endpoints/{endpoint.id}/rotate-secret"
        rotated = api.post(path, {"overlap": "1h"})
        new = Secret(rotated.body["secret"])
        assert [one["ends_at"] is None for one in rotated.body["secrets"]] == [True, False]
        world.key()
        sent(deliverer, clock)
        (message,) = receiver.messages
        assert message.headers["webhook-signature"].count("v1,") == 2
        assert verified(message, old) == verified(message, new)
        assert refusal(api.post(path, {"overlap": "1h"})) == (409, "rotation_pending")
        final = Secret(api.post(path, {"overlap": "0s"}).body["secret"])
        world.key()
        sent(deliverer, clock)
        last = receiver.messages[-1]
        verified(last, final)
        for dead in (old, new):
            with pytest.raises(standardwebhooks.WebhookVerificationError):
                verified(last, dead)

    def test_a_test_goes_to_the_one_endpoint(
        self, api: AdminAPI, receiver: WebhookReceiver, wrapper: KeyWrapper, deliverer: Deliverer, clock: FakeClock
    ) -> None:
        tested, secret = endpoint_at(receiver.url, wrapper, name="tested", events=["key.leaked"])
        with WebhookReceiver() as other:
            endpoint_at(other.url, wrapper, name="other")
            answer = api.post(f"/webhooks/endpoints/{tested.id}/test")
            assert (answer.body["type"], answer.body["state"]) == ("webhook.test", "pending")
            sent(deliverer, clock)
            assert other.messages == []
        told = verified(receiver.messages[0], secret)
        jsonschema.validate(told, SCHEMA)
        assert told["data"] == {"endpoint": {"id": str(tested.id), "name": "tested"}}

    def test_paused_means_that_nothing_is_sent_until_it_is_resumed(
        self,
        api: AdminAPI,
        world: World,
        receiver: WebhookReceiver,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
    ) -> None:
        endpoint, _ = endpoint_at(receiver.url, wrapper)
        assert api.post(f"/webhooks/endpoints/{endpoint.id}/pause").body["status"] == "paused"
        world.key()
        assert sent(deliverer, clock) == 0
        assert api.post(f"/webhooks/endpoints/{endpoint.id}/resume").body["status"] == "active"
        assert sent(deliverer, clock) == 1

    def test_what_is_deleted_is_told_nothing_more(
        self,
        api: AdminAPI,
        world: World,
        receiver: WebhookReceiver,
        wrapper: KeyWrapper,
        deliverer: Deliverer,
        clock: FakeClock,
    ) -> None:
        endpoint, _ = endpoint_at(receiver.url, wrapper)
        world.key()
        spread(SYSTEM_CLOCK.now(), RETRY_FOR)
        assert api.delete(f"/webhooks/endpoints/{endpoint.id}").status == 204
        assert sent(deliverer, clock) == 0
        assert not WebhookSecret.objects.exists()

    def test_names_are_unique_within_their_owner(self, api: AdminAPI, world: World) -> None:
        partner = world.partner()["id"]
        for owner in (None, partner):
            body = {"name": "ops", "url": URL, "partner": owner}
            assert api.post("/webhooks/endpoints", body).status == 201
            assert refusal(api.post("/webhooks/endpoints", body)) == (409, "name_taken")
        assert pointers(api.post("/webhooks/endpoints", {"name": "x", "url": URL, "partner": NOBODY})) == {"/partner"}
        assert pointers(api.post("/webhooks/endpoints", {"name": "x", "url": URL, "events": ["key.sold"]})) == {
            "/events"
        }

    def test_the_audit_tells_where_events_went_and_not_the_secret_in_a_url(self, api: AdminAPI) -> None:
        secret, elsewhere = "T024BE91L/dnCwPmDQ", "https://attacker.example.org:8443/in"
        asked = {"name": "slack", "url": f"https://hooks.slack.com/services/{secret}?token={secret}"}
        made = api.post("/webhooks/endpoints", asked).body
        path = f"/webhooks/endpoints/{made['id']}"
        assert api.patch(path, {"url": elsewhere, "events": ["key.leaked"]}).status == 200
        assert api.patch(path, {"url": asked["url"], "all_events": True}).status == 200
        rows = api.every("/audit", {"subject": made["id"]})
        assert secret not in json.dumps(rows)
        back, away, created = ((row["changes"][0]["before"], row["changes"][0]["after"]) for row in rows)
        assert created[0] is None
        assert set(created[1]) == {"name", "url", "events"}
        assert created[1]["url"].startswith("https://hooks.slack.com/… (sha256 ")
        assert away[0] == {"url": created[1]["url"], "events": None}
        assert away[1]["url"].startswith("https://attacker.example.org:8443/… (sha256 ")
        assert away[1]["events"] == ["key.leaked"]
        assert back == (away[1], away[0])

    def test_every_act_leaves_its_audit_row(self, api: AdminAPI, wrapper: KeyWrapper) -> None:
        endpoint, _ = endpoint_at(URL, wrapper)
        path = f"/webhooks/endpoints/{endpoint.id}"
        api.patch(path, {"url": URL + "/2"})
        for act in ("pause", "resume", "test"):
            api.post(f"{path}/{act}")
        api.post(f"{path}/rotate-secret", {})
        api.delete(path)
        acts = [row["action"].partition(".")[2] for row in api.every("/audit", {"subject": str(endpoint.id)})]
        assert acts[::-1] == ["created", "changed", "paused", "resumed", "tested", "secret_rotated", "deleted"]


def test_old_events_are_forgotten_with_their_deliveries(
    world: World, receiver: WebhookReceiver, wrapper: KeyWrapper, deliverer: Deliverer, clock: FakeClock
) -> None:
    endpoint_at(receiver.url, wrapper)
    world.key()
    sent(deliverer, clock)
    assert forget_old(clock.now() + KEPT - timedelta(minutes=1)) == 0
    assert forget_old(clock.now() + KEPT + timedelta(minutes=1)) == 2
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_event_has_a_member_for_a_secret(name: str) -> None:
    members = set(CATALOGUE[name].model_fields)
    assert members.isdisjoint({"api_key", "secret", "token", "digest", "sealed", "wrapped"})

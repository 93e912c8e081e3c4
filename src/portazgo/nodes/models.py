"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.kit.ids import uuid7


class NodeToken(models.Model):
    """A token for the internal listener; of the whole deployment, or of the nodes with one label."""

    noun: ClassVar[str] = "nodes"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=63)
    label = models.CharField(max_length=63, blank=True)
    """Empty: of the whole deployment."""
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """Looked up by digest."""

        db_table = "node_token"


class Node(models.Model):
    """One data folder that a gateway runs on; its id is in `node.json` there, its label is only for people."""

    noun: ClassVar[str] = "nodes"

    id = models.UUIDField(primary_key=True)
    label = models.CharField(max_length=63, blank=True)
    label_from_token = models.BooleanField(default=False, db_default=False)
    """Once a token gave the label, no word of the node changes it."""
    token = models.ForeignKey(NodeToken, on_delete=models.SET_NULL, null=True, related_name="+")
    """The one that speaks for it, until it is revoked; null: not heard of since there is this column."""
    epoch = models.UUIDField()
    """Of the process that polled last."""
    epoch_seen_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    contact_at = models.DateTimeField()
    """When its last poll came in: never earlier than the moment from which its contact lease runs."""
    max_staleness_seconds = models.FloatField(null=True)
    """By the word of the process that polled last; null: it serves without contact, or has not said."""
    version = models.CharField(max_length=64, blank=True)
    failing_logins = models.JSONField(null=True)
    """Logins at backends that fail there (schemas.FailingLoginBody), by the process that polled last; null: it told of none."""
    logins_told_at = models.DateTimeField(null=True)
    """When it said so; what is not told again within minutes is no longer known."""
    retired_at = models.DateTimeField(null=True)

    class Meta:
        """Few rows."""

        db_table = "node"


class NodeEpoch(models.Model):
    """One process life of a node, as its polls tell of it; the counts are null until a process tells them."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+")
    epoch = models.UUIDField()
    first_seen_at = models.DateTimeField()
    contact_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    accepted = models.BigIntegerField(null=True)
    """Records that it owes: one for each call that took a slot, and those that stand for calls without one."""
    journaled = models.BigIntegerField(null=True)
    """Those of them that have a number and are in a file."""
    synced = models.BigIntegerField(null=True)
    """Those of them that are known to be on its disk."""
    at_risk = models.BigIntegerField(null=True)
    """Records that lie on its host only."""
    at_risk_since = models.DateTimeField(null=True)

    class Meta:
        """One row a life; another node that claims the same one gets none."""

        db_table = "node_epoch"
        constraints: ClassVar = [models.UniqueConstraint(fields=["node", "epoch"], name="node_epoch_identity")]


class Receipt(models.Model):
    """What a node says it has applied with every data thread. Older ones are kept to tell *when* something was confirmed."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="receipts")
    epoch = models.UUIDField()
    history = models.CharField(max_length=36)
    revision = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    security = models.BigIntegerField()
    applied_at = models.DateTimeField()
    received_at = models.DateTimeField()
    threads = models.PositiveIntegerField()
    refused = models.JSONField(null=True)
    clock_offset_us = models.BigIntegerField(null=True)
    """Control plane's clock minus the node's host's; null: a node that doesn't tell it."""
    features = models.JSONField()

    class Meta:
        """Asked for by node, newest or earliest that covers a point."""

        db_table = "receipt"
        indexes: ClassVar = [models.Index(fields=["node", "history", "revision"], name="receipt_coverage")]

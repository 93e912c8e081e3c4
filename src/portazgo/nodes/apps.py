"""The Django app."""

from django.apps import AppConfig


class NodesConfig(AppConfig):
    """Nodes, their tokens and receipts."""

    name = "portazgo.nodes"

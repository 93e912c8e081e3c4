"""The Django app."""

from django.apps import AppConfig


class TracesConfig(AppConfig):
    """No tables of its own: it reads the ledger's segments."""

    name = "portazgo.traces"

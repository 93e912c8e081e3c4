"""The Django app."""

from django.apps import AppConfig


class LeaksConfig(AppConfig):
    """Reports of leaked keys; no tables of its own."""

    name = "portazgo.leaks"

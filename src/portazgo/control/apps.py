"""The Django app."""

from django.apps import AppConfig


class ControlConfig(AppConfig):
    """Answers kept for Idempotency-Key."""

    name = "portazgo.control"

"""The Django app."""

from django.apps import AppConfig


class ApisConfig(AppConfig):
    """Published sets of routes. Nodes see them in their routes."""

    name = "portazgo.apis"

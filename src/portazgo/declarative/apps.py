"""The Django app."""

from django.apps import AppConfig


class DeclarativeConfig(AppConfig):
    """Declarative files. Nodes see them in what they make."""

    name = "portazgo.declarative"

"""The Django app."""

from django.apps import AppConfig


class ContractsConfig(AppConfig):
    """Contracts, and the schemas that they are over."""

    name = "portazgo.contracts"

"""The Django app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Admin tokens."""

    name = "portazgo.accounts"

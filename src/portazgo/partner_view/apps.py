"""The Django app."""

from django.apps import AppConfig


class PartnerViewConfig(AppConfig):
    """No tables of its own."""

    name = "portazgo.partner_view"

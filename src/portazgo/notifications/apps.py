"""The Django app."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Events, webhook endpoints, deliveries."""

    name = "portazgo.notifications"

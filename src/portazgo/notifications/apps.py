"""The Django app."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Events, webhook endpoints, deliveries."""

    name = "portazgo.notifications"

    def ready(self) -> None:
        """Say what of the outbox goes with a partner that is erased."""
        from portazgo.notifications.outbox import forget_callers  # noqa: PLC0415 - models exist from here on
        from portazgo.partners.erasing import register_eraser_within  # noqa: PLC0415

        register_eraser_within(forget_callers)

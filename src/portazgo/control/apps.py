"""The Django app."""

from django.apps import AppConfig


class ControlConfig(AppConfig):
    """Answers kept for Idempotency-Key."""

    name = "portazgo.control"

    def ready(self) -> None:
        """Say what unwraps data keys."""
        from portazgo.control.provider import wrapper  # noqa: PLC0415 - models exist from here on
        from portazgo.partners.personal import register_provider  # noqa: PLC0415

        register_provider(wrapper)

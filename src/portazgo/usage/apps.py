"""The Django app."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Segments, manifests, rollups, epochs."""

    name = "portazgo.usage"

    def ready(self) -> None:
        """Say who reads the uses of retiring secrets, and who forgets from where."""
        from portazgo.keys.uses import register_reader  # noqa: PLC0415 - models exist from here on
        from portazgo.partners.erasing import register_eraser  # noqa: PLC0415
        from portazgo.usage.retiring import forget_callers, uses_since  # noqa: PLC0415

        register_reader(uses_since)
        register_eraser(forget_callers)

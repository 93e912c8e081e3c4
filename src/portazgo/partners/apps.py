"""The Django app."""

from django.apps import AppConfig


class PartnersConfig(AppConfig):
    """Partner companies."""

    name = "portazgo.partners"

    def ready(self) -> None:
        """Say how partners and their data keys are compiled for nodes."""
        from portazgo.partners import data_keys  # noqa: PLC0415 - models exist from here on
        from portazgo.partners.models import Partner  # noqa: PLC0415
        from portazgo.partners.service import compiled  # noqa: PLC0415
        from portazgo.snapshot.compilers import every_id, register_compiler  # noqa: PLC0415

        register_compiler("partner", compiled, every=every_id(Partner))
        register_compiler("data_key", data_keys.compiled, every=data_keys.every_data_key)
        register_compiler("erased_data_key", data_keys.compiled_erased, every=data_keys.every_erased)

"""The Django app."""

from django.apps import AppConfig


class SigningConfig(AppConfig):
    """Issuers and signing keys."""

    name = "portazgo.signing"

    def ready(self) -> None:
        """Say how they are compiled for nodes."""
        from portazgo.signing import service  # noqa: PLC0415
        from portazgo.signing.models import Issuer  # noqa: PLC0415 - models exist from here on
        from portazgo.snapshot.compilers import every_id, register_compiler  # noqa: PLC0415

        register_compiler("issuer", service.compiled_issuer, every=every_id(Issuer))
        register_compiler("signing_key", service.compiled_key, every=service.every_key)

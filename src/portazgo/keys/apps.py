"""The Django app."""

from django.apps import AppConfig


class KeysConfig(AppConfig):
    """API keys and peppers."""

    name = "portazgo.keys"

    def ready(self) -> None:
        """Say how they are compiled for nodes."""
        from portazgo.keys import told  # noqa: PLC0415 - models exist from here on
        from portazgo.keys.lookups import compiled_lookup_key, every_lookup_key  # noqa: PLC0415
        from portazgo.keys.peppers import compiled_pepper, every_pepper  # noqa: PLC0415
        from portazgo.keys.resource import compiled, compiled_many, every_kid  # noqa: PLC0415
        from portazgo.snapshot.compilers import register_compiler  # noqa: PLC0415

        register_compiler("key", compiled, every=every_kid, many=compiled_many)
        register_compiler("pepper", compiled_pepper, every=every_pepper)
        register_compiler("lookup_key", compiled_lookup_key, every=every_lookup_key)
        told.listen_to_audit()

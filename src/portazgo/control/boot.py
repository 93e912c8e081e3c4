"""Sets Django up for a role, and looks after the two databases."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import django
from django.apps import apps

from portazgo import settings as portazgo_settings

if TYPE_CHECKING:
    from portazgo.settings import Settings


def boot(settings: Settings) -> None:
    """Make these the settings of the process and set Django up; needed before anything that has a model is imported."""
    if apps.ready:
        return
    portazgo_settings.use(settings)
    os.environ["DJANGO_SETTINGS_MODULE"] = "portazgo.control.django_settings"
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    django.setup()

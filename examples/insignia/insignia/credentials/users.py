"""The one user of a new installation."""

import json
import os
import secrets
from pathlib import Path

from django.contrib.auth import get_user_model
from django.db import transaction

USERNAME = "registrar"


@transaction.atomic
def create_first_user(login_file: Path) -> bool:
    """Make the user with a random password, written to `login_file` (mode 0600) as {"username", "password"}.

    Returns False, changing nothing, when there is the user already.
    """
    users = get_user_model().objects
    if users.filter(username=USERNAME).exists():
        return False
    password = secrets.token_urlsafe(18)
    users.create_user(USERNAME, password=password)
    descriptor = os.open(login_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"username": USERNAME, "password": password}, file)
    return True

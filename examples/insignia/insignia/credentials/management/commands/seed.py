"""`manage.py seed`."""

from django.conf import settings
from django.core.management.base import BaseCommand

from insignia.credentials.seeding import seed
from insignia.credentials.users import create_first_user


class Command(BaseCommand):
    """Fills an empty database; a second run changes nothing."""

    help = "Fill an empty database with invented rows and one user (login.json in the data folder)."

    def handle(self, *args: object, **options: object) -> None:
        """Seed, and say whether anything was done."""
        login_file = settings.DATA_DIR / "login.json"
        if create_first_user(login_file):
            self.stderr.write(f"Made the first user; its password is in {login_file}.")
        if seed():
            self.stderr.write("Seeded.")

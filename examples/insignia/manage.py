#!/usr/bin/env python
"""Django's command line for Insignia; INSIGNIA_DATA_DIR names the data folder."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "insignia.settings")
    execute_from_command_line(sys.argv)

#!/usr/bin/env python3
"""Django's commands. Without DATABASE_URL they use the embedded Postgres, which runs for as long as they do."""

import os
import sys

from omnicrm.embedded.attach import attach_for


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omnicrm.settings")
    attach_for(sys.argv)
    # Imported late: Django should not load for a database that cannot be had.
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

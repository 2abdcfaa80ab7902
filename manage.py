#!/usr/bin/env python3
"""Django's commands. Without DATABASE_URL they use the embedded Postgres, which runs for as long as they do."""

import json
import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from omnicrm.database import SetupRefused
from omnicrm.embedded.attach import attach_for
from omnicrm.embedded.processes import ServerError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omnicrm.settings")
    try:
        attach_for(sys.argv)
        settings.INSTALLED_APPS  # noqa: B018 - reads the environment
    except (ServerError, SetupRefused, ImproperlyConfigured) as error:
        refuse(str(error))
    # Imported late: Django should not load for a database that cannot be had.
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def refuse(sentence: str) -> None:
    """End with exit code 1: people read the sentence, scripts one JSON object."""
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"error": sentence}) + "\n")
    raise SystemExit(sentence)


if __name__ == "__main__":
    main()

"""The web application, for gunicorn."""

import os
from contextlib import suppress

from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omnicrm.settings")
os.environ.setdefault("DB_POOL", "16")  # here alone, after gunicorn's fork: a pool does not survive one

application = get_wsgi_application()

from omnicrm.keys import refuse_wrong_keys  # noqa: E402 - models are there only now

with suppress(DatabaseError):  # away or not migrated yet: /readyz says so, and goes on asking
    refuse_wrong_keys()
connection.close()

"""The web application, for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omnicrm.settings")
os.environ.setdefault("DB_POOL", "16")  # here alone, after gunicorn's fork: a pool does not survive one

application = get_wsgi_application()

"""The worker application. Celery executes; what there is to do stands in Postgres (jobs.models.Job)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omnicrm.settings")
os.environ["DB_POOL"] = "0"  # a pool that was opened before a fork gives wrong answers

app = Celery("omnicrm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

"""The settings of the site that the chaos tests run."""

from omnicrm.settings import *  # noqa: F403
from omnicrm.settings import INSTALLED_APPS, STORAGES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.chaotic"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},  # none are collected
}

"""The settings of the site that the chaos tests run."""

from omnicrm.settings import *  # noqa: F403
from omnicrm.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.chaotic"]

"""The settings of a site whose workers are killed while they ask Google."""

from tests.jobs.chaotic.settings import *  # noqa: F403
from tests.jobs.chaotic.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.google.hurried"]

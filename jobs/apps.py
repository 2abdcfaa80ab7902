from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs import anchoring, checks, erasing, resealing, retention  # noqa: F401 - they register what they hold

        autodiscover_modules("tasks", "undo")  # the handlers of every app

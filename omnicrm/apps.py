from django.apps import AppConfig


class OmniCRMConfig(AppConfig):
    name = "omnicrm"
    verbose_name = "OmniCRM"

    def ready(self) -> None:
        from omnicrm import checks  # noqa: F401 - it registers what it holds

from django.apps import AppConfig


class OmniCRMConfig(AppConfig):
    name = "omnicrm"
    verbose_name = "OmniCRM"

    def ready(self) -> None:
        from omnicrm import checks, checks_of_doors  # noqa: F401 - they register what they hold

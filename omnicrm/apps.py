from django.apps import AppConfig


class OmniCRMConfig(AppConfig):
    name = "omnicrm"

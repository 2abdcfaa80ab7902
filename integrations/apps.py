from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from integrations import outbox, readers, undoing
        from integrations.streams import withdrawing
        from omnicrm import restoring

        readers.register_all()
        undoing.register()
        withdrawing.register()
        restoring.afterwards.append(outbox.PERHAPS_SENT)

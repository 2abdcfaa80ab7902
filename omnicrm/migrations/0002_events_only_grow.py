"""Events are append-only: the role that serves requests may add and read them, never change or remove."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("omnicrm", "0001_users_and_events")]
    operations = [
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE ON omnicrm_event FROM omnicrm_app",
            "GRANT UPDATE, DELETE ON omnicrm_event TO omnicrm_app",
        )
    ]

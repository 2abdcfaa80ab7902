"""What happened to a job and what a batch changed is added to and read, never changed or removed, by the role that
serves requests and does jobs. With their job or batch they go all the same: a cascade acts as the tables' owner."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_clean_up_often")]
    operations = [
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE ON jobs_jobevent, jobs_batchitem FROM omnicrm_app",
            "GRANT UPDATE, DELETE ON jobs_jobevent, jobs_batchitem TO omnicrm_app",
        )
    ]

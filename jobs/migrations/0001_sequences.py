"""Numbers that only go up: fencing tokens, and the order of a batch's changes."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE jobs_job_token; GRANT USAGE ON SEQUENCE jobs_job_token TO omnicrm_dispatch",
            "DROP SEQUENCE jobs_job_token",
        ),
        migrations.RunSQL("CREATE SEQUENCE jobs_batchitem_seq", "DROP SEQUENCE jobs_batchitem_seq"),
    ]

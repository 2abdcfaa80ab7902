
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0002_jobs_and_batches'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='job',
            name='jobs_job_one_waiting',
        ),
        migrations.RemoveConstraint(
            model_name='job',
            name='jobs_job_one_ever',
        ),
        migrations.RemoveConstraint(
            model_name='job',
            name='jobs_job_one_running',
        ),
        migrations.RemoveIndex(
            model_name='job',
            name='jobs_job_claim',
        ),
        migrations.RemoveIndex(
            model_name='job',
            name='jobs_job_retention',
        ),
        migrations.AlterField(
            model_name='job',
            name='run_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['queue', 'user', 'kind', 'priority', 'run_at', 'created_at'], name='jobs_job_claim'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['queue', 'run_at'], name='jobs_job_due'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['state', 'finished_at'], name='jobs_job_retention'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('dedupe_key__isnull', False), ('state', 'queued')), fields=('user', 'kind', 'dedupe_key'), name='jobs_job_one_waiting'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('user', 'idempotency_key'), name='jobs_job_one_ever'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('mutex_key__isnull', False), ('state', 'running')), fields=('user', 'mutex_key'), name='jobs_job_one_running'),
        ),
    ]

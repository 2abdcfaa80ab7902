import django.core.serializers.json
import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import jobs.models
import omnicrm.rowsecurity
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('jobs', '0001_sequences'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(max_length=40)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('state', models.CharField(choices=[('planning', 'Planning'), ('planned', 'Planned'), ('approved', 'Approved'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('undoing', 'Undoing'), ('undone', 'Undone')], default='planning', max_length=10)),
                ('options', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('totals', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('warnings', models.JSONField(default=list)),
                ('error', models.TextField(blank=True)),
                ('plan_hash', models.CharField(blank=True, max_length=64)),
                ('done_steps', models.PositiveBigIntegerField(default=0)),
                ('total_steps', models.PositiveBigIntegerField(default=0)),
                ('approved_by', models.CharField(blank=True, max_length=10)),
                ('approved_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('cancel_requested_at', models.DateTimeField(null=True)),
                ('undone_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'batches',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['user', '-created_at'], name='jobs_batch_newest')],
                'constraints': [models.UniqueConstraint(fields=('user', 'id'), name='jobs_batch_owner_key'), omnicrm.rowsecurity.RowSecurity(dispatch=('SELECT', 'UPDATE'), name='jobs_batch_owner', ops=('id', 'user', 'created_at', 'updated_at', 'kind', 'state', 'totals', 'done_steps', 'total_steps', 'approved_by', 'approved_at', 'finished_at', 'cancel_requested_at', 'undone_at', 'plan_hash'))],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='BatchItem',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('seq', models.BigIntegerField(db_default=jobs.models.NextValue('jobs_batchitem_seq'), editable=False)),
                ('object_type', models.CharField(max_length=60)),
                ('object_id', models.UUIDField()),
                ('before', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('after', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['user', 'batch', 'object_type', 'object_id'], name='jobs_batchitem_object')],
                'constraints': [omnicrm.rowsecurity.SameOwner('batch', name='jobs_batchitem_batch', on_delete='CASCADE'), omnicrm.rowsecurity.RowSecurity(name='jobs_batchitem_owner')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(max_length=40)),
                ('queue', models.CharField(choices=[('interactive', 'Interactive'), ('sync', 'Sync'), ('ai', 'Ai'), ('bulk', 'Bulk')], default='bulk', max_length=20)),
                ('priority', models.PositiveSmallIntegerField(choices=[(10, 'Urgent'), (30, 'High'), (50, 'Medium'), (70, 'Low')], default=50)),
                ('payload', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('dead', 'Dead'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('dedupe_key', models.CharField(max_length=200, null=True)),
                ('idempotency_key', models.CharField(max_length=200, null=True)),
                ('mutex_key', models.CharField(max_length=200, null=True)),
                ('run_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('max_attempts', models.PositiveSmallIntegerField(default=5)),
                ('crashes', models.PositiveSmallIntegerField(default=0)),
                ('token', models.BigIntegerField(null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('worker', models.CharField(blank=True, max_length=100)),
                ('cancel_requested_at', models.DateTimeField(null=True)),
                ('checkpoint', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True)),
                ('progress', models.CharField(blank=True, max_length=200)),
                ('error_code', models.CharField(blank=True, max_length=60)),
                ('error', models.TextField(blank=True)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='jobs', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['queue', 'user', 'priority', 'run_at'], name='jobs_job_claim'), models.Index(condition=models.Q(('state', 'running')), fields=['user', 'kind'], name='jobs_job_running'), models.Index(condition=models.Q(('state', 'running')), fields=['lease_until'], name='jobs_job_lease'), models.Index(fields=['user', '-created_at'], name='jobs_job_newest'), models.Index(fields=['user', 'batch', 'state'], name='jobs_job_batch_state'), models.Index(fields=['state', 'finished_at'], name='jobs_job_retention')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'queued')), fields=('user', 'kind', 'dedupe_key'), name='jobs_job_one_waiting'), models.UniqueConstraint(fields=('user', 'idempotency_key'), name='jobs_job_one_ever'), models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('user', 'mutex_key'), name='jobs_job_one_running'), models.CheckConstraint(condition=models.Q(models.Q(('lease_until__isnull', False), ('state', 'running'), ('token__isnull', False)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_until__isnull', True), ('token__isnull', True)), _connector='OR'), name='jobs_job_lease_while_running'), models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state__in', ['queued', 'running'])), models.Q(models.Q(('state__in', ['queued', 'running']), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='jobs_job_finished_when_ended'), models.UniqueConstraint(fields=('user', 'id'), name='jobs_job_owner_key'), omnicrm.rowsecurity.SameOwner('batch', name='jobs_job_batch', on_delete='CASCADE'), omnicrm.rowsecurity.RowSecurity(dispatch=('SELECT', 'UPDATE', 'DELETE'), name='jobs_job_owner', ops=('id', 'user', 'batch', 'created_at', 'updated_at', 'kind', 'queue', 'priority', 'state', 'run_at', 'attempt', 'max_attempts', 'crashes', 'lease_until', 'worker', 'cancel_requested_at', 'progress', 'error_code', 'error', 'request_id', 'started_at', 'finished_at', 'token'))],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='JobEvent',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('event', models.CharField(max_length=20)),
                ('token', models.BigIntegerField(null=True)),
                ('worker', models.CharField(blank=True, max_length=100)),
                ('detail', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='jobs.job')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['user', 'job', 'created_at'], name='jobs_jobevent_job')],
                'constraints': [omnicrm.rowsecurity.SameOwner('job', name='jobs_jobevent_job', on_delete='CASCADE'), omnicrm.rowsecurity.RowSecurity(name='jobs_jobevent_owner', ops=('id', 'user', 'created_at', 'updated_at', 'job', 'event', 'token', 'worker', 'detail'))],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='PeriodicRun',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('slot', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('name', 'slot'), name='jobs_periodicrun_slot')],
            },
        ),
        migrations.CreateModel(
            name='PlanItem',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('seq', models.PositiveBigIntegerField()),
                ('kind', models.CharField(max_length=20)),
                ('external_id', models.TextField()),
                ('outcome', models.CharField(choices=[('create', 'Create'), ('update', 'Update'), ('skip', 'Skip'), ('fail', 'Fail')], max_length=10)),
                ('reason', models.CharField(blank=True, max_length=60)),
                ('target', models.UUIDField(null=True)),
                ('target_updated_at', models.DateTimeField(null=True)),
                ('data', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('result', models.CharField(blank=True, max_length=60)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='items', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['user', 'batch', 'kind', 'outcome', 'reason'], name='jobs_planitem_outcome')],
                'constraints': [models.UniqueConstraint(fields=('user', 'batch', 'seq'), name='jobs_planitem_seq'), omnicrm.rowsecurity.SameOwner('batch', name='jobs_planitem_batch', on_delete='CASCADE'), omnicrm.rowsecurity.RowSecurity(name='jobs_planitem_owner')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
    ]

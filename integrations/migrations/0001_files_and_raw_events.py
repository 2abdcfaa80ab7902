import django.db.models.deletion
import django.db.models.manager
import omnicrm.rowsecurity
import omnicrm.sealed
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contacts', '0001_people_and_history'),
        ('jobs', '0004_operators_see_no_totals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RawEvent',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('source', models.CharField(max_length=100)),
                ('external_id', models.CharField(max_length=300)),
                ('position', models.PositiveBigIntegerField(default=0)),
                ('kind', models.CharField(max_length=20)),
                ('payload', omnicrm.sealed.SealedField(null=True)),
                ('occurred_at', models.DateTimeField(null=True)),
                ('verdict', models.CharField(default='pending', max_length=80)),
                ('reason', models.TextField(blank=True)),
                ('normalizer', models.PositiveSmallIntegerField(default=0)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['user', 'batch'], name='integrations_raw_of_batch'), models.Index(fields=['user', 'source', 'position'], name='integrations_raw_by_place'), models.Index(fields=['user', 'external_id'], name='integrations_raw_by_id')],
                'constraints': [models.UniqueConstraint(fields=('user', 'id'), name='integrations_rawevent_owner_key'), models.UniqueConstraint(fields=('user', 'source', 'external_id'), name='integrations_rawevent_once'), omnicrm.rowsecurity.SameOwner('batch', name='integrations_rawevent_batch', on_delete='SET NULL'), omnicrm.rowsecurity.RowSecurity(name='integrations_rawevent_owner', ops=('id', 'user', 'source', 'kind', 'batch', 'occurred_at', 'verdict', 'normalizer', 'created_at', 'updated_at', 'position'))],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Provenance',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='contacts.contact')),
                ('interaction', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='contacts.interaction')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('raw_event', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='integrations.rawevent')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['user', 'batch'], name='integrations_prov_of_batch'), models.Index(condition=models.Q(('interaction__isnull', False)), fields=['user', 'interaction'], name='integrations_prov_of_inter'), models.Index(condition=models.Q(('contact__isnull', False)), fields=['user', 'contact'], name='integrations_prov_of_contact')],
                'constraints': [models.UniqueConstraint(fields=('user', 'raw_event', 'batch'), name='integrations_provenance_once'), omnicrm.rowsecurity.SameOwner('raw_event', name='integrations_provenance_raw', on_delete='CASCADE'), omnicrm.rowsecurity.SameOwner('batch', name='integrations_provenance_batch', on_delete='CASCADE'), omnicrm.rowsecurity.SameOwner('interaction', name='integrations_provenance_inter', on_delete='CASCADE'), omnicrm.rowsecurity.SameOwner('contact', name='integrations_provenance_contact', on_delete='CASCADE'), omnicrm.rowsecurity.RowSecurity(name='integrations_provenance_owner')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='SourceFile',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=255)),
                ('kind', models.CharField(max_length=10)),
                ('size', models.BigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('stored_as', models.CharField(blank=True, help_text='Name in the storage; empty once deleted.', max_length=300)),
                ('path', models.TextField(blank=True, help_text='Where a command read it in place, instead of a stored copy.')),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='files', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['user', 'batch'], name='integrations_file_of_batch'), models.Index(fields=['user', 'sha256'], name='integrations_file_by_digest')],
                'constraints': [models.UniqueConstraint(fields=('user', 'id'), name='integrations_sourcefile_owner_key'), omnicrm.rowsecurity.SameOwner('batch', name='integrations_sourcefile_batch', on_delete='CASCADE'), omnicrm.rowsecurity.RowSecurity(name='integrations_sourcefile_owner', ops=('id', 'user', 'batch', 'kind', 'size', 'created_at', 'updated_at'))],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
    ]

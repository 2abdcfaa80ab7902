
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.manager
import omnicrm.rowsecurity
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('jobs', '0004_operators_see_no_totals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Company',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=200)),
                ('name_key', models.CharField(help_text='The name, case-folded, as it is compared.', max_length=200)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('display_name', models.CharField(max_length=200)),
                ('sort_name', models.CharField(max_length=200)),
                ('given_name', models.CharField(blank=True, max_length=100)),
                ('family_name', models.CharField(blank=True, max_length=100)),
                ('slug', models.CharField(max_length=120)),
                ('primary_email', models.CharField(blank=True, max_length=254)),
                ('primary_phone', models.CharField(blank=True, max_length=40)),
                ('job_title', models.CharField(blank=True, max_length=200)),
                ('birthday', models.DateField(null=True)),
                ('stage', models.CharField(blank=True, choices=[('lead', 'Lead'), ('prospect', 'Prospect'), ('client', 'Client'), ('past_client', 'Past client'), ('partner', 'Partner'), ('other', 'Other')], max_length=20)),
                ('source', models.CharField(blank=True, max_length=40)),
                ('confidence', models.FloatField(default=1.0)),
                ('cadence_days', models.PositiveIntegerField(null=True)),
                ('next_touch_on', models.DateField(null=True)),
                ('last_interaction_at', models.DateTimeField(null=True)),
                ('score', models.FloatField(default=0)),
                ('archived_at', models.DateTimeField(null=True)),
                ('custom', models.JSONField(default=dict)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('company', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='contacts', to='contacts.company')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='ContactIdentity',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(choices=[('email', 'Email'), ('phone', 'Phone'), ('handle', 'Handle')], max_length=10)),
                ('value', models.CharField(max_length=254)),
                ('display', models.CharField(blank=True, help_text='As it was written, or the name beside it.', max_length=254)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='identities', to='contacts.contact')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='ContactSlug',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('slug', models.CharField(max_length=120)),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='contacts.contact')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Interaction',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(choices=[('email', 'E-mail'), ('meeting', 'Meeting'), ('call', 'Call'), ('note', 'Note')], max_length=10)),
                ('direction', models.CharField(blank=True, choices=[('sent', 'Sent'), ('received', 'Received')], max_length=10)),
                ('occurred_at', models.DateTimeField()),
                ('subject', models.TextField(blank=True)),
                ('text', models.TextField(blank=True)),
                ('visible_text', models.TextField(blank=True, help_text='What the author newly wrote.')),
                ('bulk', models.CharField(blank=True, max_length=20)),
                ('thread_key', models.CharField(blank=True, max_length=255)),
                ('source', models.CharField(max_length=40)),
                ('source_key', models.CharField(max_length=255)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='CalendarEvent',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('ical_uid', models.CharField(max_length=255)),
                ('google_id', models.CharField(blank=True, max_length=255)),
                ('recurrence_id', models.CharField(blank=True, max_length=40)),
                ('recurring', models.BooleanField(default=False)),
                ('title', models.TextField(blank=True)),
                ('description', models.TextField(blank=True)),
                ('location', models.TextField(blank=True)),
                ('status', models.CharField(blank=True, max_length=20)),
                ('starts_at', models.DateTimeField(null=True)),
                ('ends_at', models.DateTimeField(null=True)),
                ('starts_on', models.DateField(null=True)),
                ('ends_on', models.DateField(null=True)),
                ('category', models.CharField(blank=True, max_length=40)),
                ('keywords', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), default=list, size=None)),
                ('google_updated', models.DateTimeField(null=True)),
                ('last_synced', models.DateTimeField(null=True)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('interaction', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='contacts.interaction')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('text', models.TextField()),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='notes', to='contacts.contact')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='OwnAddress',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('value', models.CharField(max_length=254)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Participant',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('role', models.CharField(choices=[('from', 'From'), ('to', 'To'), ('cc', 'Cc'), ('bcc', 'Bcc'), ('organizer', 'Organizer'), ('attendee', 'Attendee')], max_length=10)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('kind', models.CharField(choices=[('email', 'E-mail'), ('meeting', 'Meeting'), ('call', 'Call'), ('note', 'Note')], max_length=10)),
                ('occurred_at', models.DateTimeField()),
                ('identity', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='participations', to='contacts.contactidentity')),
                ('interaction', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='participants', to='contacts.interaction')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Suggestion',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(max_length=20)),
                ('key', models.CharField(max_length=300)),
                ('state', models.CharField(choices=[('open', 'Open'), ('accepted', 'Accepted'), ('ignored', 'Ignored')], default='open', max_length=10)),
                ('score', models.FloatField(default=0)),
                ('evidence', models.JSONField(default=dict)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Suppression',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('scope', models.CharField(choices=[('item', 'Item'), ('address', 'Address'), ('domain', 'Domain')], max_length=10)),
                ('key', models.CharField(max_length=300)),
                ('source', models.CharField(blank=True, help_text="An account or a file's digest; empty: all.", max_length=100)),
                ('reason', models.CharField(max_length=40)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=60)),
                ('name_key', models.CharField(max_length=60)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='ContactTag',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='contact_tags', to='contacts.contact')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tag', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='contact_tags', to='contacts.tag')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Task',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('title', models.CharField(max_length=300)),
                ('due_on', models.DateField(null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('batch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.batch')),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='tasks', to='contacts.contact')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddIndex(
            model_name='company',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_company_batch'),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_company_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=models.UniqueConstraint(fields=('user', 'name_key'), name='contacts_company_name'),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_company_owner'),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_company_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['user', 'sort_name', 'id'], name='contacts_contact_by_name'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(models.F('user'), models.OrderBy(models.F('last_interaction_at'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), name='contacts_contact_by_last'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['user', 'created_at', 'id'], name='contacts_contact_by_created'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['user', 'company'], name='contacts_contact_by_company'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(condition=models.Q(('stage', ''), _negated=True), fields=['user', 'stage'], name='contacts_contact_by_stage'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_contact_batch'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_contact_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(fields=('user', 'slug'), name='contacts_contact_slug'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=omnicrm.rowsecurity.SameOwner('company', name='contacts_contact_company', on_delete='SET NULL'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_contact_owner'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_contact_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='contactidentity',
            index=models.Index(fields=['user', 'contact'], name='contacts_identity_of_contact'),
        ),
        migrations.AddIndex(
            model_name='contactidentity',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_identity_batch'),
        ),
        migrations.AddConstraint(
            model_name='contactidentity',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_contactidentity_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='contactidentity',
            constraint=models.UniqueConstraint(fields=('user', 'kind', 'value'), name='contacts_identity_value'),
        ),
        migrations.AddConstraint(
            model_name='contactidentity',
            constraint=omnicrm.rowsecurity.SameOwner('contact', name='contacts_identity_contact', on_delete='SET NULL'),
        ),
        migrations.AddConstraint(
            model_name='contactidentity',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_identity_owner'),
        ),
        migrations.AddConstraint(
            model_name='contactidentity',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_identity_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='contactslug',
            index=models.Index(fields=['user', 'contact'], name='contacts_contactslug_contact_i'),
        ),
        migrations.AddConstraint(
            model_name='contactslug',
            constraint=models.UniqueConstraint(fields=('user', 'slug'), name='contacts_contactslug_slug'),
        ),
        migrations.AddConstraint(
            model_name='contactslug',
            constraint=omnicrm.rowsecurity.SameOwner('contact', name='contacts_contactslug_contact', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='contactslug',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_contactslug_owner'),
        ),
        migrations.AddIndex(
            model_name='interaction',
            index=models.Index(fields=['user', '-occurred_at'], name='contacts_interaction_newest'),
        ),
        migrations.AddIndex(
            model_name='interaction',
            index=models.Index(fields=['user', 'thread_key'], name='contacts_interaction_thread'),
        ),
        migrations.AddIndex(
            model_name='interaction',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_interaction_batch'),
        ),
        migrations.AddConstraint(
            model_name='interaction',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_interaction_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='interaction',
            constraint=models.UniqueConstraint(fields=('user', 'source_key'), name='contacts_interaction_source_key'),
        ),
        migrations.AddConstraint(
            model_name='interaction',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_interaction_owner', search=True),
        ),
        migrations.AddConstraint(
            model_name='interaction',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_interaction_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='calendarevent',
            index=models.Index(fields=['user', 'starts_at'], name='contacts_calendarevent_start'),
        ),
        migrations.AddIndex(
            model_name='calendarevent',
            index=models.Index(condition=models.Q(('interaction__isnull', False)), fields=['user', 'interaction'], name='contacts_calendarevent_inter'),
        ),
        migrations.AddIndex(
            model_name='calendarevent',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_calendarevent_batch'),
        ),
        migrations.AddConstraint(
            model_name='calendarevent',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_calendarevent_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='calendarevent',
            constraint=models.UniqueConstraint(fields=('user', 'ical_uid', 'recurrence_id'), name='contacts_calendarevent_uid'),
        ),
        migrations.AddConstraint(
            model_name='calendarevent',
            constraint=omnicrm.rowsecurity.SameOwner('interaction', name='contacts_calendarevent_interaction', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='calendarevent',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_calendarevent_owner'),
        ),
        migrations.AddConstraint(
            model_name='calendarevent',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_calendarevent_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='note',
            index=models.Index(fields=['user', 'contact', '-created_at'], name='contacts_note_of_contact'),
        ),
        migrations.AddIndex(
            model_name='note',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_note_batch'),
        ),
        migrations.AddConstraint(
            model_name='note',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_note_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='note',
            constraint=omnicrm.rowsecurity.SameOwner('contact', name='contacts_note_contact', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='note',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_note_owner'),
        ),
        migrations.AddConstraint(
            model_name='note',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_note_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='ownaddress',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_ownaddress_batch'),
        ),
        migrations.AddConstraint(
            model_name='ownaddress',
            constraint=models.UniqueConstraint(fields=('user', 'value'), name='contacts_ownaddress_value'),
        ),
        migrations.AddConstraint(
            model_name='ownaddress',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_ownaddress_owner'),
        ),
        migrations.AddConstraint(
            model_name='ownaddress',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_ownaddress_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='participant',
            index=models.Index(fields=['user', 'identity', '-occurred_at', '-interaction'], name='contacts_participant_history'),
        ),
        migrations.AddIndex(
            model_name='participant',
            index=models.Index(condition=models.Q(('kind', 'email'), _negated=True), fields=['user', 'identity', 'kind', '-occurred_at', '-interaction'], name='contacts_participant_kinds'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=models.UniqueConstraint(fields=('user', 'interaction', 'identity', 'role'), name='contacts_participant_once'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=omnicrm.rowsecurity.SameOwner('interaction', name='contacts_participant_interaction', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=omnicrm.rowsecurity.SameOwner('identity', name='contacts_participant_identity', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_participant_owner'),
        ),
        migrations.AddIndex(
            model_name='suggestion',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_suggestion_batch'),
        ),
        migrations.AddConstraint(
            model_name='suggestion',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_suggestion_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='suggestion',
            constraint=models.UniqueConstraint(fields=('user', 'kind', 'key'), name='contacts_suggestion_once'),
        ),
        migrations.AddConstraint(
            model_name='suggestion',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_suggestion_owner'),
        ),
        migrations.AddConstraint(
            model_name='suggestion',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_suggestion_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='suppression',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_suppression_batch'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=models.UniqueConstraint(fields=('user', 'scope', 'source', 'key'), name='contacts_suppression_once'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_suppression_owner'),
        ),
        migrations.AddConstraint(
            model_name='suppression',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_suppression_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='tag',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_tag_batch'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_tag_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.UniqueConstraint(fields=('user', 'name_key'), name='contacts_tag_name'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_tag_owner'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_tag_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='contacttag',
            index=models.Index(fields=['user', 'tag'], name='contacts_contacttag_by_tag'),
        ),
        migrations.AddIndex(
            model_name='contacttag',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_contacttag_batch'),
        ),
        migrations.AddConstraint(
            model_name='contacttag',
            constraint=models.UniqueConstraint(fields=('user', 'contact', 'tag'), name='contacts_contacttag_once'),
        ),
        migrations.AddConstraint(
            model_name='contacttag',
            constraint=omnicrm.rowsecurity.SameOwner('contact', name='contacts_contacttag_contact', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='contacttag',
            constraint=omnicrm.rowsecurity.SameOwner('tag', name='contacts_contacttag_tag', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='contacttag',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_contacttag_owner'),
        ),
        migrations.AddConstraint(
            model_name='contacttag',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_contacttag_batch_key', on_delete='SET NULL'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['user', 'contact'], name='contacts_task_of_contact'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['user', 'batch'], name='contacts_task_batch'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=models.UniqueConstraint(fields=('user', 'id'), name='contacts_task_owner_key'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=omnicrm.rowsecurity.SameOwner('contact', name='contacts_task_contact', on_delete='CASCADE'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_task_owner'),
        ),
        migrations.AddConstraint(
            model_name='task',
            constraint=omnicrm.rowsecurity.SameOwner('batch', name='contacts_task_batch_key', on_delete='SET NULL'),
        ),
    ]

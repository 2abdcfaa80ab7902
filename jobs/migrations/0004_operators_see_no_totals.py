"""The totals of an undo list what it kept, by name: words of users, which operators may not read."""

import omnicrm.rowsecurity
from django.conf import settings
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0003_fair_claim'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='batch',
            name='jobs_batch_owner',
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=omnicrm.rowsecurity.RowSecurity(dispatch=('SELECT', 'UPDATE'), name='jobs_batch_owner', ops=('id', 'user', 'created_at', 'updated_at', 'kind', 'state', 'done_steps', 'total_steps', 'approved_by', 'approved_at', 'finished_at', 'cancel_requested_at', 'undone_at', 'plan_hash')),
        ),
    ]

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import omnicrm.rowsecurity

UNAPPROVE = """
ALTER TABLE integrations_outboxmessage NO FORCE ROW LEVEL SECURITY;
UPDATE integrations_outboxmessage SET approved_hash = '', approved_at = NULL, send_at = NULL WHERE state = 'draft';
ALTER TABLE integrations_outboxmessage FORCE ROW LEVEL SECURITY
"""
"""Drafts that were taken back still said when they had been approved."""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0006_push")]

    operations = [
        migrations.RemoveConstraint("outboxmessage", "integrations_outbox_account"),
        migrations.RemoveConstraint("outboxmessage", "integrations_outbox_approved"),
        migrations.RemoveIndex("outboxmessage", "integrations_outbox_account_ix"),
        migrations.RunSQL(UNAPPROVE, migrations.RunSQL.noop),
        migrations.AlterField(
            "outboxmessage",
            "account",
            models.ForeignKey(
                "integrations.googleaccount",
                django.db.models.deletion.DO_NOTHING,
                null=True,
                db_constraint=False,
                db_index=False,
                related_name="+",
            ),
        ),
        migrations.AddIndex(
            "outboxmessage",
            models.Index(
                fields=["user", "account"],
                condition=Q(account__isnull=False),
                name="integrations_outbox_account_ix",
            ),
        ),
        migrations.AddConstraint(
            "outboxmessage",
            omnicrm.rowsecurity.SameOwner(
                "account", name="integrations_outbox_account", on_delete="SET NULL"
            ),
        ),
        migrations.AddConstraint(
            "outboxmessage",
            models.CheckConstraint(
                condition=Q(state="draft", approved_hash="", approved_at__isnull=True, send_at__isnull=True)
                | ~Q(state="draft")
                & Q(approved_at__isnull=False, send_at__isnull=False)
                & ~Q(approved_hash=""),
                name="integrations_outbox_approved",
            ),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0004_outbox")]

    operations = [
        migrations.AddField(
            model_name="syncstream",
            name="tally",
            field=models.JSONField(
                default=dict,
                help_text="What became of the ids of the last week, in numbers, as of `reconciled_at`.",
            ),
        ),
    ]

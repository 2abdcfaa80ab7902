from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0007_letters_without_account")]

    operations = [
        migrations.AddIndex(
            model_name="rawevent",
            index=models.Index(
                fields=["user", "source"],
                condition=models.Q(verdict="pending") & ~models.Q(remote=""),
                name="integrations_raw_unread",
            ),
        ),
    ]

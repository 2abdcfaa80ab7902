from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("omnicrm", "0003_fresh_statistics")]
    operations = [
        migrations.CreateModel(
            name="KeyCheck",
            fields=[
                ("key_id", models.CharField(max_length=2, primary_key=True, serialize=False)),
                ("sealed", models.BinaryField()),
            ],
        )
    ]

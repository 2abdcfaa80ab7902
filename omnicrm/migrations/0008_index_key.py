import omnicrm.sealed
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('omnicrm', '0007_erasures'),
    ]

    operations = [
        migrations.CreateModel(
            name='IndexKey',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('secret', omnicrm.sealed.SealedField()),
                ('strict', models.BooleanField(help_text='Whether what is personal is sealed: how PII_STRICT was last carried out.')),
            ],
        ),
    ]

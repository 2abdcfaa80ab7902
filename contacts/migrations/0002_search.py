"""What a search looks at, and the function that asks for it. Under row-level security no array and no LIKE may use
an index (their operators are not leakproof), so whoever has the words is looked up as a role that sees all rows, in
a function that filters by the user who asks. NULL means that more than `most` have them."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.manager
import omnicrm.rowsecurity
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

CREATE = r"""
GRANT CREATE ON SCHEMA public TO omnicrm_search;
CREATE FUNCTION contacts_matching(words text[], parts_of_words text[], most int) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    me uuid := nullif(current_setting('app.user_id', true), '')::uuid;
    patterns text[] := ARRAY(
        SELECT '%' || replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_') || '%' FROM unnest(words) word);
    found uuid[];
BEGIN
    -- EXECUTE, so that each search is planned for how common its words are.
    EXECUTE 'SELECT ARRAY(SELECT contact_id FROM contacts_searchtext
                          WHERE user_id = $1 AND text LIKE ALL ($3) AND parts @> $2 LIMIT $4)'
        INTO found USING me, parts_of_words, patterns, most + 1;
    RETURN CASE WHEN cardinality(found) <= most THEN found END;
END $$;
ALTER FUNCTION contacts_matching(text[], text[], int) OWNER TO omnicrm_search;
REVOKE CREATE ON SCHEMA public FROM omnicrm_search;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0001_people_and_history'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SearchText',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('text', models.TextField()),
                ('parts', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='search', to='contacts.contact')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['user', 'parts'], gin_pending_list_limit=512, name='contacts_searchtext_parts')],
                'constraints': [models.UniqueConstraint(fields=('user', 'contact'), name='contacts_searchtext_once'), omnicrm.rowsecurity.SameOwner('contact', name='contacts_searchtext_contact', on_delete='CASCADE'), omnicrm.rowsecurity.RowSecurity(name='contacts_searchtext_owner', search=True)],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.RunSQL(CREATE, 'DROP FUNCTION contacts_matching(text[], text[], int)'),
    ]

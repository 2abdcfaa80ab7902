"""Finding messages, meetings and notes by the words in them.

`contacts_words` are the words of a text as they are compared: without capitals and accents, and as if whatever may
stand between two words were a space. Two indexes hold them with the owner; under row-level security neither may be used
(`@@` is not leakproof), so a function that filters by the user who asks looks things up as a role that sees all rows.
"""

import omnicrm.rowsecurity
from django.db import migrations

LONGEST = 10_000

WORDS = rf"""
CREATE FUNCTION contacts_words(said text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 500 AS $$
    SELECT pg_catalog.to_tsvector('pg_catalog.simple', pg_catalog.translate(pg_catalog.lower(
        public.unaccent('public.unaccent', pg_catalog.left(said, {LONGEST}))), '@._-/:+<>&;#~=|\"''', '                '))
$$;
CREATE INDEX contacts_interaction_words ON contacts_interaction
    USING gin (user_id, contacts_words(subject || ' ' || visible_text)) WITH (gin_pending_list_limit = 1024);
CREATE INDEX contacts_note_words ON contacts_note
    USING gin (user_id, contacts_words(text)) WITH (gin_pending_list_limit = 512) WHERE NOT private;
"""

# What many messages say is soon found among the newest, and the index would name too many of them; what few say is
# looked up. Each search is planned for itself (EXECUTE), for how common its words are.
SAID = r"""
GRANT CREATE ON SCHEMA public TO omnicrm_search;
CREATE FUNCTION contacts_said(words text, kinds text[], most int)
RETURNS TABLE (id uuid, at timestamptz, is_note boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    me uuid := nullif(current_setting('app.user_id', true), '')::uuid;
    wanted tsquery := (SELECT string_agg(quote_literal(lexeme) || CASE WHEN length(lexeme) > 2 THEN ':*' ELSE '' END, ' & ')
                       FROM unnest(contacts_words(words)));
    newest uuid[];
BEGIN
    IF wanted IS NULL THEN
        RETURN;
    END IF;
    EXECUTE 'SELECT ARRAY(SELECT n.id FROM (
                 SELECT i.id, i.kind, i.subject, i.visible_text FROM contacts_interaction i
                 WHERE i.user_id = $1 ORDER BY i.occurred_at DESC LIMIT 10 * $4) n
             WHERE n.kind = ANY ($2) AND contacts_words(n.subject || '' '' || n.visible_text) @@ $3 LIMIT $4)'
        INTO newest USING me, kinds, wanted, most;
    IF cardinality(newest) < most THEN
        EXECUTE 'WITH found AS MATERIALIZED (
                     SELECT i.id, i.occurred_at FROM contacts_interaction i
                     WHERE i.user_id = $1 AND i.kind = ANY ($2)
                       AND contacts_words(i.subject || '' '' || i.visible_text) @@ $3)
                 SELECT ARRAY(SELECT found.id FROM found ORDER BY found.occurred_at DESC, found.id LIMIT $4)'
            INTO newest USING me, kinds, wanted, most;
    END IF;
    RETURN QUERY EXECUTE 'SELECT * FROM (
            SELECT i.id, i.occurred_at, false FROM contacts_interaction i WHERE i.user_id = $1 AND i.id = ANY ($5)
            UNION ALL (
            SELECT n.id, n.created_at, true FROM contacts_note n
            WHERE n.user_id = $1 AND ''note'' = ANY ($2) AND NOT n.private AND contacts_words(n.text) @@ $3
            ORDER BY n.created_at DESC LIMIT $4)) said
        ORDER BY 2 DESC, 1 LIMIT $4'
        USING me, kinds, wanted, most, newest;
END $$;
ALTER FUNCTION contacts_said(text, text[], int) OWNER TO omnicrm_search;
REVOKE CREATE ON SCHEMA public FROM omnicrm_search;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0005_event_series'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='note',
            name='contacts_note_owner',
        ),
        migrations.AddConstraint(
            model_name='note',
            constraint=omnicrm.rowsecurity.RowSecurity(name='contacts_note_owner', search=True),
        ),
        migrations.RunSQL(
            WORDS,
            'DROP INDEX contacts_note_words; DROP INDEX contacts_interaction_words; DROP FUNCTION contacts_words(text)',
        ),
        migrations.RunSQL(SAID, 'DROP FUNCTION contacts_said(text, text[], int)'),
    ]

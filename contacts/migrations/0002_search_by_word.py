"""Search by part of a word. Under row-level security ILIKE may not use an index (it is not leakproof), so the
rare words are looked up as a role that sees all rows, in a function that filters by the user who asks.

It answers with everybody who may have all the words, going by the rare ones: some words are left untested. NULL
means that each word is too common to be worth listing who has it. Words of one or two letters, and of letters beyond
ASCII, have no trigrams: the user's rows are read for them, until many have been found."""

from django.db import migrations

CREATE = r"""
GRANT CREATE ON SCHEMA public TO omnicrm_search;
CREATE FUNCTION contacts_matching(words text[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    me uuid := nullif(current_setting('app.user_id', true), '')::uuid;
    many int;
    word text;
    having_it uuid[];
    found uuid[];
BEGIN
    FOR word IN SELECT w FROM unnest(words) w ORDER BY length(w) DESC LOOP
        many := CASE WHEN word ~ '[A-Za-z0-9]{3}' THEN 2000 ELSE 500 END;  -- with trigrams, and without
        -- EXECUTE, so that each word is planned for how common it is.
        EXECUTE $q$
            SELECT array_agg(id) FROM (SELECT id FROM (
                (SELECT id FROM contacts_contact WHERE user_id = $1 AND display_name ILIKE $2 LIMIT $3)
                UNION ALL
                (SELECT id FROM contacts_contact WHERE user_id = $1 AND job_title ILIKE $2 LIMIT $3)
                UNION ALL
                (SELECT contact_id FROM contacts_contactidentity
                    WHERE user_id = $1 AND contact_id IS NOT NULL AND value ILIKE $2 LIMIT $3)
                UNION ALL
                (SELECT c.id FROM contacts_company f JOIN contacts_contact c ON c.user_id = $1 AND c.company_id = f.id
                    WHERE f.user_id = $1 AND f.name ILIKE $2 LIMIT $3)
            ) having_it (id) LIMIT $3) enough
        $q$ INTO having_it
            USING me, '%' || replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_') || '%', many;
        CONTINUE WHEN cardinality(having_it) >= many;
        found := ARRAY(SELECT unnest(having_it) INTERSECT SELECT unnest(coalesce(found, having_it)));
        EXIT WHEN cardinality(found) < 1000;
    END LOOP;
    RETURN found;
END $$;
ALTER FUNCTION contacts_matching(text[]) OWNER TO omnicrm_search;
REVOKE CREATE ON SCHEMA public FROM omnicrm_search;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_people_and_history")]
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION contacts_matching(text[])")]

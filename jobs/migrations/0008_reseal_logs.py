"""What a batch changed is only ever added to and read. A change of keys, or of what is sealed, has one way to write
into it: sealed values may be exchanged for others, or for what is inside them, and nothing else may."""

from django.db import migrations

CREATE = """
CREATE FUNCTION jobs_is_sealed(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT value #>> '{}' LIKE 'sealed:%' OR value #>> '{}' ~ '^[A-P]{64}$'
$$;

CREATE FUNCTION jobs_sealed_alike(was jsonb, now jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT CASE
        WHEN was IS NOT DISTINCT FROM now THEN true
        WHEN jsonb_typeof(was) = 'object' AND jsonb_typeof(now) = 'object' THEN NOT EXISTS (
            SELECT FROM jsonb_each(was) w FULL JOIN jsonb_each(now) n USING (key)
            WHERE w.value IS NULL OR n.value IS NULL OR NOT jobs_sealed_alike(w.value, n.value))
        WHEN jsonb_typeof(was) = 'string' AND jsonb_typeof(now) = 'string'
            THEN jobs_is_sealed(was) OR jobs_is_sealed(now)
        ELSE false
    END
$$;

CREATE FUNCTION jobs_reseal_log(item uuid, new_before jsonb, new_after jsonb) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH changed AS (
        UPDATE jobs_batchitem SET before = new_before, after = new_after
        WHERE id = item AND jobs_sealed_alike(before, new_before) AND jobs_sealed_alike(after, new_after)
        RETURNING id
    ) SELECT EXISTS (SELECT FROM changed)
$$;
"""
DROP = """
DROP FUNCTION jobs_reseal_log(uuid, jsonb, jsonb);
DROP FUNCTION jobs_sealed_alike(jsonb, jsonb);
DROP FUNCTION jobs_is_sealed(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0007_drafts_in_plans")]
    operations = [migrations.RunSQL(CREATE, DROP)]

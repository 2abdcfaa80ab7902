"""Let the role that serves requests ask for fresh planner statistics after a bulk write; only the owner of a table
may ANALYZE it. The function can do nothing else, and shows nothing."""

from django.db import migrations

CREATE = """
CREATE FUNCTION omnicrm_fresh_statistics(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = name) THEN
        EXECUTE format('ANALYZE %I', name);
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION omnicrm_fresh_statistics(text) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("omnicrm", "0002_events_only_grow")]
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION omnicrm_fresh_statistics(text)")]

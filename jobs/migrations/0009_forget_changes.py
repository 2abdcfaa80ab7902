"""What a person has erased must not stand in the log of changes either. The log only grows for the role that serves
requests; this function alone takes lines out of it, of whom the database believes is asking."""

from django.db import migrations

CREATE = """
CREATE FUNCTION jobs_forget_changes(objects uuid[], parts_of uuid[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM jobs_batchitem
    WHERE user_id = nullif(current_setting('app.user_id', true), '')::uuid
      AND (object_id = ANY (objects)
           OR before->>'contact_id' = ANY (parts_of::text[]) OR after->>'contact_id' = ANY (parts_of::text[]))
    RETURNING batch_id
$$;
REVOKE EXECUTE ON FUNCTION jobs_forget_changes(uuid[], uuid[]) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0008_reseal_logs")]
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION jobs_forget_changes(uuid[], uuid[])")]

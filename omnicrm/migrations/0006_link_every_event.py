"""Postgres chains the events of each user itself, at the commit that adds them: nothing of ours can forget to, or lie.

At the commit, because the lock that puts a user's links in order is then the last one that a transaction takes, so it
can be part of no deadlock. The function acts for the owner of the event alone, whoever commits.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION omnicrm_event_digest(e omnicrm_event) RETURNS bytea
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_build_array(
        e.id, e.user_id, to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor, e.action,
        e.object_type, e.object_id, e.batch_id, e.request_id, e.data
    )::text, 'UTF8'))
$$;

CREATE FUNCTION omnicrm_link_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    acting text := current_setting('app.user_id', true);
    head omnicrm_eventlink;
BEGIN
    PERFORM set_config('app.user_id', NEW.user_id::text, true);
    PERFORM pg_advisory_xact_lock(hashtextextended('events of ' || NEW.user_id, 0));
    SELECT * INTO head FROM omnicrm_eventlink WHERE user_id = NEW.user_id ORDER BY seq DESC LIMIT 1;
    INSERT INTO omnicrm_eventlink (id, user_id, created_at, updated_at, seq, event_id, hash) VALUES (
        gen_random_uuid(), NEW.user_id, now(), now(), coalesce(head.seq, 0) + 1, NEW.id,
        sha256(coalesce(head.hash, '') || omnicrm_event_digest(NEW)));
    PERFORM set_config('app.user_id', coalesce(acting, ''), true);
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION omnicrm_link_event() FROM PUBLIC, omnicrm_app;

CREATE CONSTRAINT TRIGGER linked AFTER INSERT ON omnicrm_event
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION omnicrm_link_event();

REVOKE INSERT, UPDATE, DELETE ON omnicrm_eventlink FROM omnicrm_app;
REVOKE UPDATE, DELETE ON omnicrm_eventanchor FROM omnicrm_app;
GRANT UPDATE (mac) ON omnicrm_eventanchor TO omnicrm_app;  -- a new key signs anew
"""
DROP = """
DROP TRIGGER linked ON omnicrm_event;
DROP FUNCTION omnicrm_link_event();
DROP FUNCTION omnicrm_event_digest(omnicrm_event);
GRANT INSERT, UPDATE, DELETE ON omnicrm_eventlink, omnicrm_eventanchor TO omnicrm_app;
"""


class Migration(migrations.Migration):
    dependencies = [("omnicrm", "0005_event_chain")]
    operations = [migrations.RunSQL(CREATE, DROP)]

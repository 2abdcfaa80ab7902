"""Postgres chains the events of each user itself, at the commit that adds them: nothing of ours can forget to, or lie.

At the commit, because the lock that puts a user's links in order is then the last one that a transaction takes, so it
can be part of no deadlock. The function acts for the owner of the event alone, whoever commits.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION omnicrm_event_digest(e omnicrm_event) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(jsonb_build_array(
        e.id, e.user_id, to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.actor, e.action,
        e.object_type, e.object_id, e.batch_id, e.request_id, e.data
    )::text, 'UTF8'))
$$;

CREATE FUNCTION omnicrm_link_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    acting text := coalesce(current_setting('app.user_id', true), '');
    other boolean := acting <> NEW.user_id::text;
    head omnicrm_eventlink;
    each omnicrm_event;
    ids uuid[] := '{}';
    hashes bytea[] := '{}';
    hash bytea;
BEGIN
    IF other THEN PERFORM set_config('app.user_id', NEW.user_id::text, true); END IF;
    IF NOT EXISTS (SELECT FROM omnicrm_eventlink WHERE user_id = NEW.user_id AND event_id = NEW.id) THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('events of ' || NEW.user_id, 0));
        SELECT * INTO head FROM omnicrm_eventlink WHERE user_id = NEW.user_id ORDER BY seq DESC LIMIT 1;
        hash := coalesce(head.hash, '');
        -- All that this transaction has added since: what others have committed is linked, and the rest is not to be seen.
        FOR each IN
            SELECT * FROM omnicrm_event e WHERE e.user_id = NEW.user_id AND e.created_at >= NEW.created_at
            AND NOT EXISTS (SELECT FROM omnicrm_eventlink l WHERE l.user_id = e.user_id AND l.event_id = e.id)
            ORDER BY e.created_at, e.id
        LOOP
            hash := sha256(hash || omnicrm_event_digest(each));
            ids := ids || each.id;
            hashes := hashes || hash;
        END LOOP;
        INSERT INTO omnicrm_eventlink (id, user_id, created_at, updated_at, seq, event_id, hash)
        SELECT gen_random_uuid(), NEW.user_id, now(), now(), coalesce(head.seq, 0) + link.nth, link.event_id, link.hash
        FROM unnest(ids, hashes) WITH ORDINALITY AS link (event_id, hash, nth);
    END IF;
    IF other THEN PERFORM set_config('app.user_id', acting, true); END IF;
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

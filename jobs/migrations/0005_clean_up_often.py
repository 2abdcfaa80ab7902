"""A queue is mostly dead rows. Left to the defaults, Postgres cleans up after a fifth of the table has changed, and
until then every claim wades through what is done: an order of magnitude slower after ten thousand jobs."""

from django.db import migrations

OFTEN = (
    "ALTER TABLE jobs_job SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,"
    " autovacuum_vacuum_threshold = 500, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)"
)
AS_USUAL = (
    "ALTER TABLE jobs_job RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,"
    " autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_delay)"
)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_operators_see_no_totals")]
    operations = [migrations.RunSQL(OFTEN, AS_USUAL)]

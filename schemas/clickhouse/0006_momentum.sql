-- The direction of a KPI against its last three values is its momentum: a trend is a verdict of statistics.
ALTER TABLE kpis_log RENAME COLUMN IF EXISTS trend TO momentum;

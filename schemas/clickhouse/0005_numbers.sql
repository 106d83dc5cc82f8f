-- How sums and percentiles are read, and rows by key of what the catalog says of tenants.

-- The float nearest to n / scale: whole sums are whole up to 2^53. Beyond it the columns `<measure>_exact` have all digits.
CREATE OR REPLACE FUNCTION weirNearest AS (n, scale) ->
    multiIf(abs(n) <= 9007199254740992, toFloat64(n) / scale,
            abs(n) <= toInt128(scale) * 9007199254740992, toFloat64(intDiv(n, scale)) + toFloat64(n % scale) / scale,
            toFloat64(2 * intDiv(n, scale) + sign(n % scale)) / 2.);
CREATE OR REPLACE FUNCTION weirNumber AS (sum) -> weirNearest(reinterpret(sum, 'Int128'), 1000000000);
-- A percentile lies within what was seen: the middle of its bin may not.
CREATE OR REPLACE FUNCTION weirWithin AS (x, smallest, largest) -> least(greatest(x, smallest), largest);

-- Zones of tenants: one row for each that is named, and one with an empty name for all others. Written when they change.
CREATE TABLE IF NOT EXISTS tenants_log (
    tenant String COMMENT 'empty: every tenant that is not named',
    zone String,
    changed DateTime64(6, 'UTC') COMMENT 'the same for all that were declared together'
)
ENGINE = ReplacingMergeTree(changed)
ORDER BY tenant;
DROP TABLE IF EXISTS tenants SYNC;
CREATE VIEW IF NOT EXISTS tenants AS
SELECT tenant, zone FROM tenants_log FINAL WHERE changed = (SELECT max(changed) FROM tenants_log);

-- Whose events were late and whose records could not be read, where that can be told. Their views are made at each start.
ALTER TABLE late_log ADD COLUMN IF NOT EXISTS tenant LowCardinality(String) AFTER run;
ALTER TABLE dead_letters_log ADD COLUMN IF NOT EXISTS tenant LowCardinality(String) COMMENT 'empty where it cannot be told';

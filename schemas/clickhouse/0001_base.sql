-- What every weir has: functions over sketches, the current run, results that are no aggregates, and their views.
-- Every table replaces by key, so that a row delivered twice is one row; read them through the views.

-- Sketches, as `docs/semantics.md` defines them.
-- An exact sum as a float in two steps, one conversion and one division; `toFloat64` of a decimal rounds another way now and then.
CREATE OR REPLACE FUNCTION weirNumber AS (sum) -> toFloat64(reinterpret(sum, 'Int128')) / 1000000000.;
CREATE OR REPLACE FUNCTION weirBin AS (bin) -> if(bin = 0, 0., exp2((toFloat64(bin) - 17500. + 0.5) / 35.));
CREATE OR REPLACE FUNCTION weirDistinct AS (hashes) ->
    arrayMap(h -> if(length(h) < 2048, toUInt64(length(h)), toUInt64(roundBankers(2047. / (toFloat64(h[2048]) / 18446744073709551616.)))),
             [arraySlice(arraySort(hashes), 1, 2048)])[1];
-- A quantile of bins that are merged already, by `sumMap`. Over parts, `weirBin(quantileExactWeightedArray(q)(mapKeys(bins), mapValues(bins)))`
-- merges and answers in one step.
CREATE OR REPLACE FUNCTION weirQuantile AS (q, bins) ->
    if(empty(bins), CAST(NULL AS Nullable(Float64)),
       arrayMap((k, c) -> weirBin(k[greatest(indexOf(arrayMap(s -> s >= greatest(ceil(q * arraySum(c)), 1), arrayCumSum(c)), 1), 1)]),
                [arrayMap(p -> p.1, arraySort(p -> p.1, arrayZip(mapKeys(bins), mapValues(bins))))],
                [arrayMap(p -> p.2, arraySort(p -> p.1, arrayZip(mapKeys(bins), mapValues(bins))))])[1]);

CREATE TABLE IF NOT EXISTS runs (
    run UInt32 COMMENT 'counts up: a reprocess starts a new one',
    catalog UInt64 COMMENT 'hash of the catalog it was derived under',
    since DateTime64(6, 'UTC') COMMENT 'when it became the current one'
)
ENGINE = ReplacingMergeTree(since)
ORDER BY run;

CREATE OR REPLACE VIEW current_run AS
SELECT run, catalog, since FROM runs FINAL ORDER BY run DESC LIMIT 1;

CREATE TABLE IF NOT EXISTS tenants (
    tenant String COMMENT 'empty: every tenant that is not named',
    zone LowCardinality(String),
    changed DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(changed)
ORDER BY tenant;

CREATE TABLE IF NOT EXISTS anomalies_log (
    run UInt32,
    id String,
    catalog UInt64,
    detector LowCardinality(String),
    detector_version UInt32,
    kind LowCardinality(String),
    severity LowCardinality(String),
    event LowCardinality(String),
    tenant LowCardinality(String),
    dimensions Map(LowCardinality(String), String),
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    window_end DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    value Float64,
    expected Float64,
    score Float64,
    early Bool COMMENT 'told before its window was final',
    revision Int64,
    version UInt64 COMMENT 'a final record replaces an early one, a later one an earlier one'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (run, tenant, detector, window_start, id)
SETTINGS index_granularity = 4096;

CREATE OR REPLACE VIEW anomalies AS
SELECT tenant, dimensions, detector, detector_version, kind, severity, event, window, window_start, window_end,
       value, expected, score, early, id
FROM anomalies_log FINAL
WHERE run = (SELECT run FROM current_run);

CREATE TABLE IF NOT EXISTS kpis_log (
    run UInt32,
    id String,
    catalog UInt64,
    kpi LowCardinality(String),
    kpi_version UInt32,
    tenant LowCardinality(String),
    dimensions Map(LowCardinality(String), String),
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    window_end DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    value Nullable(Float64),
    score Nullable(Float64),
    status LowCardinality(String),
    trend LowCardinality(String),
    sample Nullable(Float64),
    terms Map(LowCardinality(String), Nullable(Float64)),
    revision Int64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (run, tenant, kpi, window_start, id)
SETTINGS index_granularity = 4096;

CREATE OR REPLACE VIEW kpis AS
SELECT tenant, dimensions, kpi, kpi_version, window, window_start, window_end, value, score, status, trend, sample, terms, id
FROM kpis_log FINAL
WHERE run = (SELECT run FROM current_run);

CREATE TABLE IF NOT EXISTS alerts_log (
    run UInt32,
    id String,
    catalog UInt64,
    rule LowCardinality(String),
    rule_version UInt32,
    kind LowCardinality(String),
    severity LowCardinality(String),
    tenant LowCardinality(String),
    dimensions Map(LowCardinality(String), String),
    state LowCardinality(String),
    step UInt32,
    opened DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    value Nullable(Float64),
    threshold Nullable(Float64),
    worst Nullable(Float64),
    windows UInt32,
    impact String,
    action String,
    revision Int64
)
ENGINE = ReplacingMergeTree(step)
PARTITION BY toYYYYMM(opened)
ORDER BY (run, tenant, rule, opened, id)
SETTINGS index_granularity = 4096;

CREATE OR REPLACE VIEW alerts AS
SELECT tenant, dimensions, rule, rule_version, kind, severity, state, step, opened, at, value, threshold, worst, windows, impact, action, id
FROM alerts_log FINAL
WHERE run = (SELECT run FROM current_run);

CREATE TABLE IF NOT EXISTS late_log (
    run UInt32,
    topic LowCardinality(String),
    partition Int32,
    first_offset Int64,
    last_offset Int64,
    events UInt64,
    earliest DateTime64(6, 'UTC'),
    watermark DateTime64(6, 'UTC'),
    log_partition Int32,
    log_offset Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (run, topic, partition, first_offset, last_offset);

CREATE OR REPLACE VIEW late AS
SELECT topic, partition, first_offset, last_offset, events, earliest, watermark
FROM late_log FINAL
WHERE run = (SELECT run FROM current_run);

CREATE TABLE IF NOT EXISTS dead_letters_log (
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
    code UInt16,
    message String,
    value String COMMENT 'the raw bytes, or their beginning',
    log_time DateTime64(6, 'UTC'),
    log_partition Int32,
    log_offset Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset);

CREATE OR REPLACE VIEW dead_letters AS
SELECT topic, partition, offset, concat('WEIR-', leftPad(toString(code), 4, '0')) AS code, message, value, log_time,
       log_partition, log_offset
FROM dead_letters_log FINAL;

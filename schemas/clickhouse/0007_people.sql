-- The directory of pseudonyms: addresses are encrypted under keys that are in no table. Who was erased has a row without one.
CREATE TABLE IF NOT EXISTS people_log (
    tenant LowCardinality(String),
    pseudonym String COMMENT 'as events have it',
    address String COMMENT 'encrypted under a key of this person alone, hexadecimal; empty: erased',
    changed DateTime64(6, 'UTC'),
    version UInt64 COMMENT 'offset of the record, and one: the highest one holds',
    erased UInt8
)
ENGINE = ReplacingMergeTree(version, erased)
ORDER BY (tenant, pseudonym);
CREATE VIEW IF NOT EXISTS people AS
SELECT tenant, pseudonym, address, changed FROM people_log FINAL WHERE erased = 0;

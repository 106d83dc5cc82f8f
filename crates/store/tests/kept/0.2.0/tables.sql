CREATE TABLE IF NOT EXISTS `parts_llm_call` (
    `run` UInt32,
    `tenant` LowCardinality(String),
    `rollup` LowCardinality(String) COMMENT 'names of the dimensions, comma separated',
    `late` UInt8 COMMENT '1: part of a minute that came after its window was final',
    `window_size` LowCardinality(String),
    `window_start` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `window_end` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `late_partition` Int32 CODEC(ZSTD(1)),
    `late_offset` Int64 CODEC(ZSTD(1)),
    `late_row` UInt32 CODEC(ZSTD(1)),
    `version` UInt64 CODEC(Delta, ZSTD(1)),
    `category` String CODEC(ZSTD(1)),
    `engineer` String CODEC(ZSTD(1)),
    `model` String CODEC(ZSTD(1)),
    `platform` String CODEC(ZSTD(1)),
    `provider` String CODEC(ZSTD(1)),
    `service_tier` String CODEC(ZSTD(1)),
    `team` String CODEC(ZSTD(1)),
    `calls` UInt64 CODEC(T64, ZSTD(1)),
    `failures` UInt64 CODEC(T64, ZSTD(1)),
    `rate_limited` UInt64 CODEC(T64, ZSTD(1)),
    `truncated` UInt64 CODEC(T64, ZSTD(1)),
    `tokens_input` Decimal(38, 9) CODEC(ZSTD(1)),
    `tokens_cache_read` Decimal(38, 9) CODEC(ZSTD(1)),
    `tokens_cache_write` Decimal(38, 9) CODEC(ZSTD(1)),
    `tokens_cache_write_1h` Decimal(38, 9) CODEC(ZSTD(1)),
    `tokens_output` Decimal(38, 9) CODEC(ZSTD(1)),
    `tokens_reasoning` Decimal(38, 9) CODEC(ZSTD(1)),
    `cost` Decimal(38, 9) CODEC(ZSTD(1)),
    `unpriced` UInt64 CODEC(T64, ZSTD(1)),
    `usage_complete` UInt64 CODEC(T64, ZSTD(1)),
    `usage_incomplete` UInt64 CODEC(T64, ZSTD(1)),
    `input_unknown` UInt64 CODEC(T64, ZSTD(1)),
    `output_unknown` UInt64 CODEC(T64, ZSTD(1)),
    `cache_read_unknown` UInt64 CODEC(T64, ZSTD(1)),
    `reasoning_unknown` UInt64 CODEC(T64, ZSTD(1)),
    `latency_count` UInt64 CODEC(T64, ZSTD(1)),
    `latency_sum` Decimal(38, 9) CODEC(ZSTD(1)),
    `latency_min` Float64 CODEC(ZSTD(1)),
    `latency_max` Float64 CODEC(ZSTD(1)),
    `latency_bins` Map(UInt16, UInt64) CODEC(ZSTD(1)),
    `first_token_count` UInt64 CODEC(T64, ZSTD(1)),
    `first_token_sum` Decimal(38, 9) CODEC(ZSTD(1)),
    `first_token_min` Float64 CODEC(ZSTD(1)),
    `first_token_max` Float64 CODEC(ZSTD(1)),
    `first_token_bins` Map(UInt16, UInt64) CODEC(ZSTD(1)),
    `engineers_hashes` Array(UInt64) CODEC(ZSTD(1)),
    `sessions_hashes` Array(UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (run, tenant, rollup, late, window_size, window_start, `category`, `engineer`, `model`, `platform`, `provider`, `service_tier`, `team`, late_partition, late_offset, late_row)
SETTINGS index_granularity = 4096, min_bytes_for_wide_part = 33554432;
CREATE TABLE IF NOT EXISTS `events_llm_call` (
    `log_partition` Int32,
    `log_offset` Int64 CODEC(Delta, ZSTD(1)),
    `log_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `event_id` String CODEC(ZSTD(1)),
    `event_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `tenant` String CODEC(ZSTD(1)),
    `source` String CODEC(ZSTD(1)),
    `resource` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `request_id` Nullable(String) CODEC(ZSTD(1)),
    `engineer_email` String CODEC(ZSTD(1)),
    `engineer_team` String CODEC(ZSTD(1)),
    `session_id` Nullable(String) CODEC(ZSTD(1)),
    `provider` String CODEC(ZSTD(1)),
    `model` String CODEC(ZSTD(1)),
    `category` String CODEC(ZSTD(1)),
    `tokens_input` Nullable(Int64) CODEC(ZSTD(1)),
    `tokens_cache_read` Nullable(Int64) CODEC(ZSTD(1)),
    `tokens_cache_write` Nullable(Int64) CODEC(ZSTD(1)),
    `tokens_cache_write_5m` Nullable(Int64) CODEC(ZSTD(1)),
    `tokens_cache_write_1h` Nullable(Int64) CODEC(ZSTD(1)),
    `tokens_output` Nullable(Int64) CODEC(ZSTD(1)),
    `tokens_reasoning` Nullable(Int64) CODEC(ZSTD(1)),
    `cost_usd` Nullable(Float64) CODEC(ZSTD(1)),
    `latency_ms` Nullable(Float64) CODEC(ZSTD(1)),
    `first_token_ms` Nullable(Float64) CODEC(ZSTD(1)),
    `success` Bool CODEC(ZSTD(1)),
    `error_type` Nullable(String) CODEC(ZSTD(1)),
    `stop_reason` Nullable(String) CODEC(ZSTD(1)),
    `service_tier` String CODEC(ZSTD(1)),
    `usage_complete` Nullable(Bool) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (tenant, event_time, log_partition, log_offset)
SETTINGS index_granularity = 4096, min_bytes_for_wide_part = 33554432;
CREATE TABLE IF NOT EXISTS `parts_goal_set` (
    `run` UInt32,
    `tenant` LowCardinality(String),
    `rollup` LowCardinality(String) COMMENT 'names of the dimensions, comma separated',
    `late` UInt8 COMMENT '1: part of a minute that came after its window was final',
    `window_size` LowCardinality(String),
    `window_start` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `window_end` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `late_partition` Int32 CODEC(ZSTD(1)),
    `late_offset` Int64 CODEC(ZSTD(1)),
    `late_row` UInt32 CODEC(ZSTD(1)),
    `version` UInt64 CODEC(Delta, ZSTD(1)),
    `goal` String CODEC(ZSTD(1)),
    `metric` String CODEC(ZSTD(1)),
    `operator` String CODEC(ZSTD(1)),
    `team` String CODEC(ZSTD(1)),
    `changes` UInt64 CODEC(T64, ZSTD(1)),
    `operator_target_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `operator_target_id` UInt64 CODEC(ZSTD(1)),
    `operator_target_value` Nullable(Float64) CODEC(ZSTD(1)),
    `team_target_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `team_target_id` UInt64 CODEC(ZSTD(1)),
    `team_target_value` Nullable(Float64) CODEC(ZSTD(1)),
    `tenant_target_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `tenant_target_id` UInt64 CODEC(ZSTD(1)),
    `tenant_target_value` Nullable(Float64) CODEC(ZSTD(1)),
    `given_up` UInt64 CODEC(T64, ZSTD(1)),
    `role_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `role_id` UInt64 CODEC(ZSTD(1)),
    `role_value` Nullable(Float64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (run, tenant, rollup, late, window_size, window_start, `goal`, `metric`, `operator`, `team`, late_partition, late_offset, late_row)
SETTINGS index_granularity = 4096, min_bytes_for_wide_part = 33554432;
CREATE TABLE IF NOT EXISTS `events_goal_set` (
    `log_partition` Int32,
    `log_offset` Int64 CODEC(Delta, ZSTD(1)),
    `log_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `event_id` String CODEC(ZSTD(1)),
    `event_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `tenant` String CODEC(ZSTD(1)),
    `source` String CODEC(ZSTD(1)),
    `resource` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `goal` String CODEC(ZSTD(1)),
    `scope` String CODEC(ZSTD(1)),
    `operator` String CODEC(ZSTD(1)),
    `team` String CODEC(ZSTD(1)),
    `metric` String CODEC(ZSTD(1)),
    `target` Float64 CODEC(ZSTD(1)),
    `unit` String CODEC(ZSTD(1)),
    `description` String CODEC(ZSTD(1)),
    `due_at` Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `closed` Bool CODEC(ZSTD(1)),
    `set_by` String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (tenant, event_time, log_partition, log_offset)
SETTINGS index_granularity = 4096, min_bytes_for_wide_part = 33554432;
CREATE TABLE IF NOT EXISTS `parts_capability_executed` (
    `run` UInt32,
    `tenant` LowCardinality(String),
    `rollup` LowCardinality(String) COMMENT 'names of the dimensions, comma separated',
    `late` UInt8 COMMENT '1: part of a minute that came after its window was final',
    `window_size` LowCardinality(String),
    `window_start` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `window_end` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `late_partition` Int32 CODEC(ZSTD(1)),
    `late_offset` Int64 CODEC(ZSTD(1)),
    `late_row` UInt32 CODEC(ZSTD(1)),
    `version` UInt64 CODEC(Delta, ZSTD(1)),
    `capability` String CODEC(ZSTD(1)),
    `engineer` String CODEC(ZSTD(1)),
    `error_type` String CODEC(ZSTD(1)),
    `platform` String CODEC(ZSTD(1)),
    `team` String CODEC(ZSTD(1)),
    `executions` UInt64 CODEC(T64, ZSTD(1)),
    `failures` UInt64 CODEC(T64, ZSTD(1)),
    `duration_count` UInt64 CODEC(T64, ZSTD(1)),
    `duration_sum` Decimal(38, 9) CODEC(ZSTD(1)),
    `duration_min` Float64 CODEC(ZSTD(1)),
    `duration_max` Float64 CODEC(ZSTD(1)),
    `duration_bins` Map(UInt16, UInt64) CODEC(ZSTD(1)),
    `tokens_saved` Decimal(38, 9) CODEC(ZSTD(1)),
    `api_calls_avoided` Decimal(38, 9) CODEC(ZSTD(1)),
    `minutes_saved` Decimal(38, 9) CODEC(ZSTD(1)),
    `context_tokens` Decimal(38, 9) CODEC(ZSTD(1)),
    `engineers_hashes` Array(UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (run, tenant, rollup, late, window_size, window_start, `capability`, `engineer`, `error_type`, `platform`, `team`, late_partition, late_offset, late_row)
SETTINGS index_granularity = 4096, min_bytes_for_wide_part = 33554432;
CREATE TABLE IF NOT EXISTS `events_capability_executed` (
    `log_partition` Int32,
    `log_offset` Int64 CODEC(Delta, ZSTD(1)),
    `log_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `event_id` String CODEC(ZSTD(1)),
    `event_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `tenant` String CODEC(ZSTD(1)),
    `source` String CODEC(ZSTD(1)),
    `resource` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `engineer_email` String CODEC(ZSTD(1)),
    `engineer_team` String CODEC(ZSTD(1)),
    `capability` String CODEC(ZSTD(1)),
    `duration_ms` Float64 CODEC(ZSTD(1)),
    `success` Bool CODEC(ZSTD(1)),
    `error_type` Nullable(String) CODEC(ZSTD(1)),
    `tokens_saved` Int64 CODEC(ZSTD(1)),
    `api_calls_avoided` Int64 CODEC(ZSTD(1)),
    `time_saved_minutes` Float64 CODEC(ZSTD(1)),
    `context_size_tokens` Int64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (tenant, event_time, log_partition, log_offset)
SETTINGS index_granularity = 4096, min_bytes_for_wide_part = 33554432;

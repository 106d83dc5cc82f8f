-- title: What emitters of OpenTelemetry tell, by version: doubles of imported logs, fields told lately and before, calls against counters
-- period 30: by the time of the log
SELECT tenant, emitter, version, sum(double) AS doubles,
       sum(lately) AS calls_lately, sum(before) AS calls_before,
       sumMap(not_told_lately) AS missing_lately, sumMap(not_told_before) AS missing_before,
       sum(by_calls) AS tokens_by_calls, round(sum(by_counters)) AS tokens_by_counters,
       if(tokens_by_counters > 0, round(100 * abs(tokens_by_calls - tokens_by_counters) / tokens_by_counters, 2), NULL) AS gap_percent
FROM (
    SELECT tenant, emitter, version, 0 AS double, sumIf(calls, late) AS lately, sumIf(calls, NOT late) AS before,
           sumMapIf(not_told, late) AS not_told_lately, sumMapIf(not_told, NOT late) AS not_told_before,
           toFloat64(sum(tokens)) AS by_calls, toFloat64(0) AS by_counters
    FROM (
        SELECT tenant, emitter, version, calls, tokens,
               mapApply((field, n) -> (toString(field), toUInt64OrZero(n)), missing) AS not_told,
               log_time > max(log_time) OVER (PARTITION BY tenant, emitter) - INTERVAL 1 DAY AS late
        FROM (
            SELECT tenant, event_id, emitter, version, calls, tokens, missing, log_time, arrived AS day,
                   dateDiff('day', arrived, e.day + e.days_ago) AS days_ago
            FROM emitter_observed_events AS e
        )
        WHERE {tenant} AND {period of log_time}
        LIMIT 1 BY tenant, event_id
    )
    GROUP BY tenant, emitter, version
    UNION ALL
    -- What was added, or what a total grew by since the point of its series before.
    SELECT tenant, emitter, version, 0 AS double, 0 AS lately, 0 AS before,
           CAST(map(), 'Map(String, UInt64)') AS not_told_lately, CAST(map(), 'Map(String, UInt64)') AS not_told_before,
           toFloat64(0) AS by_calls, sum(if(series = '', ifNull(tokens_added, 0), greatest(total - total_before, 0))) AS by_counters
    FROM (
        SELECT *, lagInFrame(total, 1, 0) OVER (PARTITION BY tenant, emitter, series ORDER BY event_time
                                                ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS total_before
        FROM (
            SELECT tenant, emitter, version, series, tokens_added, ifNull(tokens_total, 0) AS total, event_time, day, days_ago
            FROM emitter_metered_events
            WHERE {tenant}
            LIMIT 1 BY tenant, event_id
        )
    )
    WHERE {period of event_time}
    GROUP BY tenant, emitter, version
    UNION ALL
    SELECT tenant, emitter, version, uniqExact(event_id) AS double, 0 AS lately, 0 AS before,
           CAST(map(), 'Map(String, UInt64)') AS not_told_lately, CAST(map(), 'Map(String, UInt64)') AS not_told_before,
           toFloat64(0) AS by_calls, toFloat64(0) AS by_counters
    FROM (
        SELECT tenant, emitter, version, event_id, log_time, arrived AS day,
               dateDiff('day', arrived, e.day + e.days_ago) AS days_ago
        FROM otel_doubled_events AS e
    )
    WHERE {tenant} AND {period of log_time}
    GROUP BY tenant, emitter, version
)
GROUP BY tenant, emitter, version
ORDER BY tenant, emitter, version

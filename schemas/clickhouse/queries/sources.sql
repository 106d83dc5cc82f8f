-- title: Who sends OpenTelemetry, by emitter and version: when, what, and how much of it nobody understands
-- period 30: by the time of the log
SELECT tenant, emitter, version, min(first) AS first_seen, max(last) AS last_seen, mapFilter((event, n) -> n > 0, sumMap(map(event, n))) AS events,
       sum(missed) AS not_understood,
       round(100 * not_understood / (not_understood + sum(n)), 2) AS percent_not_understood,
       arraySort(groupUniqArrayArray(5)(names)) AS names_not_understood,
       sum(blind) AS calls_without_usage, sum(nobodys) AS calls_of_nobody
FROM (
    SELECT tenant, resource['weir.emitter'] AS emitter, resource['weir.emitter.version'] AS version,
           replaceOne(replaceRegexpOne(kind, '_events$', ''), '_', '.') AS event, uniqExact(event_id) AS n,
           0 AS missed, [] AS names, min(log_time) AS first, max(log_time) AS last, 0 AS blind, 0 AS nobodys
    FROM (
        SELECT tenant, _table AS kind, event_id, resource, log_time, arrived AS day,
               dateDiff('day', arrived, e.day + e.days_ago) AS days_ago
        FROM merge(currentDatabase(), '_events$') AS e
        WHERE resource['weir.emitter'] != '' AND NOT startsWith(_table, 'emitter_')
    )
    WHERE {tenant} AND {period of log_time}
    GROUP BY tenant, emitter, version, event
    UNION ALL
    SELECT tenant, emitter, version, '' AS event, 0 AS n,
           toUInt64(sum(records)) AS missed, groupUniqArray(5)(name) AS names,
           min(log_time) AS first, max(log_time) AS last, 0 AS blind, 0 AS nobodys
    FROM otel_unmapped_events
    WHERE {tenant} AND {period of log_time}
    GROUP BY tenant, emitter, version
    UNION ALL
    SELECT tenant, resource['weir.emitter'] AS emitter, resource['weir.emitter.version'] AS version, '' AS event,
           0 AS n, 0 AS missed, [] AS names, min(log_time) AS first, max(log_time) AS last,
           uniqExactIf(event_id, NOT usage_complete) AS blind, uniqExactIf(event_id, engineer_email IN ('', 'unknown')) AS nobodys
    FROM llm_call_events
    WHERE emitter != '' AND {tenant} AND {period of log_time}
    GROUP BY tenant, emitter, version
)
GROUP BY tenant, emitter, version
ORDER BY last_seen DESC, tenant, emitter, version

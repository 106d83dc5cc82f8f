-- title: Raw events per hour and type in the archive, by the time of the log, and how far it is complete
-- period 2: by the time of the log
SELECT toStartOfHour(log_time) AS hour, tenant, event, count() AS events, round(events / 3600, 2) AS per_second, max(event_time) AS newest
FROM (
    SELECT tenant, replaceRegexpOne(_table, '_events$', '') AS event, event_time, log_time, arrived AS day,
           dateDiff('day', arrived, e.day + e.days_ago) AS days_ago
    FROM merge(currentDatabase(), '_events$') AS e
)
WHERE {tenant} AND {period of log_time}
GROUP BY hour, tenant, event
ORDER BY hour DESC, tenant, event

-- title: Raw events per hour and type in the archive, and how far it is complete
-- param hours UInt32 = 24: how far back
SELECT
    toStartOfHour(log_time) AS hour,
    replaceRegexpOne(_table, '_events$', '') AS event,
    count() AS events,
    round(events / 3600, 2) AS per_second,
    max(event_time) AS newest
FROM merge(currentDatabase(), '_events$')
WHERE log_time >= now() - toIntervalHour({hours:UInt32})
GROUP BY hour, event
ORDER BY hour DESC, event

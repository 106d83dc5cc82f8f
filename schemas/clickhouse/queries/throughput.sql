-- title: Raw events per hour and type in the archive, and how far it is complete
-- param hours UInt32 = 24: how far back
SELECT hour, event, events, round(events / 3600, 2) AS per_second, newest
FROM (
    SELECT toStartOfHour(log_time) AS hour, 'llm.call' AS event, count() AS events, max(event_time) AS newest FROM llm_call_events WHERE log_time >= now() - toIntervalHour({hours:UInt32}) GROUP BY hour
    UNION ALL
    SELECT toStartOfHour(log_time) AS hour, 'capability.executed' AS event, count() AS events, max(event_time) AS newest FROM capability_executed_events WHERE log_time >= now() - toIntervalHour({hours:UInt32}) GROUP BY hour
    UNION ALL
    SELECT toStartOfHour(log_time) AS hour, 'productivity.recorded' AS event, count() AS events, max(event_time) AS newest FROM productivity_recorded_events WHERE log_time >= now() - toIntervalHour({hours:UInt32}) GROUP BY hour
)
ORDER BY hour DESC, event

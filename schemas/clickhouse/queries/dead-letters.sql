-- title: Records that could not be read, by tenant (empty where it cannot be told) and cause
-- period 30: by the time of the log
-- param limit UInt32 = 50: how many
SELECT tenant, code, topic, count() AS records, any(message) AS example, min(log_time) AS first, max(log_time) AS last,
       argMax(partition, log_time) AS last_partition, argMax(offset, log_time) AS last_offset
FROM dead_letters
WHERE {tenant} AND {period of log_time}
GROUP BY tenant, code, topic
ORDER BY records DESC, tenant, code, topic
LIMIT {limit:UInt32}

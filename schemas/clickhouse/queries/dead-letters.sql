-- title: Records that could not be read, by cause
-- param limit UInt32 = 50: how many
SELECT code, topic, count() AS records, any(message) AS example, min(log_time) AS first, max(log_time) AS last,
       argMax(partition, log_time) AS last_partition, argMax(offset, log_time) AS last_offset
FROM dead_letters
GROUP BY code, topic
ORDER BY records DESC, code, topic
LIMIT {limit:UInt32}

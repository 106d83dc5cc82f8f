-- title: Events that came too late to be judged (they are counted)
-- param limit UInt32 = 50: how many
SELECT topic, partition, sum(events) AS late_events, count() AS commits, min(first_offset) AS first_offset, max(last_offset) AS last_offset,
       min(earliest) AS earliest, max(dateDiff('second', earliest, watermark)) AS latest_by_seconds
FROM late
GROUP BY topic, partition
ORDER BY late_events DESC, topic, partition
LIMIT {limit:UInt32}

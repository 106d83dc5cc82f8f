-- title: Events that came too late to be judged (they are counted)
-- period 30: by the watermark they missed
-- param limit UInt32 = 50: how many
SELECT tenant, topic, partition, sum(l.events) AS late_events, count() AS commits, min(l.first_offset) AS first_offset, max(l.last_offset) AS last_offset,
       min(l.earliest) AS earliest, max(dateDiff('second', l.earliest, l.watermark)) AS latest_by_seconds
FROM late AS l
WHERE {tenant} AND {period of watermark}
GROUP BY tenant, topic, partition
ORDER BY late_events DESC, tenant, topic, partition
LIMIT {limit:UInt32}

-- title: What detectors found, newest first
-- param days UInt32 = 7: how far back
-- param limit UInt32 = 100: how many
SELECT window_end, severity, detector, tenant, dimensions, window, value, expected, score, early
FROM anomalies
WHERE window_end >= now() - toIntervalDay({days:UInt32})
ORDER BY window_end DESC, abs(score) DESC, id
LIMIT {limit:UInt32}

-- title: What detectors found, newest first
-- period 7
-- param limit UInt32 = 100: how many
SELECT window_end, severity, detector, tenant, dimensions, window, value, expected, score, crosses_at, early
FROM anomalies
WHERE {tenant} AND {period of window_end}
ORDER BY window_end DESC, abs(score) DESC, id
LIMIT {limit:UInt32}

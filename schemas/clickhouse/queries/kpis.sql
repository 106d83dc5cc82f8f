-- title: The newest published value of every KPI and subject
-- param days UInt32 = 7: leave out what was not published for so long
SELECT tenant, kpi, dimensions, window, window_end, value, score, status, trend, sample
FROM kpis
WHERE window_end >= now() - toIntervalDay({days:UInt32})
ORDER BY kpi, tenant, dimensions, window_end DESC
LIMIT 1 BY kpi, tenant, dimensions

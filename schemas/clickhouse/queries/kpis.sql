-- title: The newest published value of every KPI and subject (no_data only where there was none at all)
-- param days UInt32 = 7: leave out what was not published for so long
SELECT tenant, kpi, dimensions, window, window_end, value, score, status, trend, sample
FROM kpis
WHERE window_end >= now() - toIntervalDay({days:UInt32})
ORDER BY kpi, tenant, dimensions, value IS NULL, window_end DESC
LIMIT 1 BY kpi, tenant, dimensions

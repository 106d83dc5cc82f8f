-- title: One KPI by day: mean, worst and best score, share of windows on target
-- param kpi String = spend_per_hour: name of the KPI
-- param days UInt32 = 30: how far back
SELECT toDate(window_end - toIntervalMicrosecond(1)) AS day, tenant, dimensions, count(value) AS windows, avg(value) AS mean, min(value) AS lowest, max(value) AS highest,
       round(avg(score), 2) AS score, round(100 * countIf(status = 'on_target') / nullIf(count(value), 0), 1) AS percent_on_target
FROM kpis
WHERE kpi = {kpi:String} AND window_end >= now() - toIntervalDay({days:UInt32})
GROUP BY day, tenant, dimensions
ORDER BY day, tenant, dimensions

-- title: One KPI by day, by now: mean, worst and best score, share of windows on target; beside it what was published
-- period 30
-- param kpi String = spend_per_hour: name of the KPI
SELECT c.day AS day, c.tenant AS tenant, c.dimensions AS dimensions, count(c.value) AS windows, avg(c.value) AS mean, min(c.value) AS lowest,
       max(c.value) AS highest, round(avg(c.score), 2) AS score,
       round(100 * countIf(c.status = 'on_target') / nullIf(count(c.value), 0), 1) AS percent_on_target,
       countIf(p.id != '') AS published_windows, avg(p.value) AS published_mean
FROM (SELECT * FROM {current kpis} WHERE {tenant} AND {period of window_end}) AS c
LEFT JOIN (SELECT * FROM kpis WHERE {tenant} AND {period of window_end}) AS p
    ON p.kpi = c.kpi AND p.tenant = c.tenant AND toString(p.dimensions) = toString(c.dimensions) AND p.window_end = c.window_end
GROUP BY day, tenant, dimensions
ORDER BY day, tenant, dimensions

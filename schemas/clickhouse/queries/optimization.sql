-- title: Optimising systems: their KPIs and scores, newest values over all systems
-- period 7
-- param of String = system: what KPIs stand on
SELECT tenant, category, kpi, count() AS systems, countIf(status = 'on_target') AS on_target, min(value) AS lowest, max(value) AS highest,
       round(avg(score), 2) AS mean_score, argMinIf(dimensions['system'], score, score IS NOT NULL) AS weakest
FROM {newest kpis}
WHERE value IS NOT NULL
GROUP BY tenant, category, kpi
ORDER BY tenant, category = 'score', category, kpi

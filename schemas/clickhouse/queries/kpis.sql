-- title: The newest value of KPIs by subject, by now (no_data only where there was none at all), and what was published for its window
-- period 7
-- param of String = team: a category, what KPIs stand on, or all of them
SELECT c.tenant AS tenant, c.kpi AS kpi, c.dimensions AS dimensions, c.window AS window, c.window_end AS window_end, c.value AS value, c.score AS score,
       c.status AS status, c.sample AS sample, if(p.id = '', 'not published', p.status) AS published_status, p.value AS published_value, p.momentum AS momentum
FROM {newest kpis} AS c
LEFT JOIN (SELECT * FROM kpis WHERE {tenant} AND {period of window_end}) AS p
    ON p.kpi = c.kpi AND p.tenant = c.tenant AND toString(p.dimensions) = toString(c.dimensions) AND p.window_end = c.window_end
ORDER BY kpi, tenant, dimensions

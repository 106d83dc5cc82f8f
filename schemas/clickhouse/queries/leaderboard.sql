-- title: Operators by experience points
-- period 90
-- param of String = operator: what KPIs stand on
-- param limit UInt32 = 10: how many
SELECT tenant, dimensions['operator'] AS operator, anyIf(value, kpi = 'operator_xp') AS xp, anyIf(value, kpi = 'operator_level') AS level,
       anyIf(value, kpi = 'operator_sessions') AS sessions, anyIf(value, kpi = 'operator_hours') AS hours,
       anyIf(value, kpi = 'operator_success_rate') AS success_percent, anyIf(value, kpi = 'operator_certifications') AS certifications
FROM (
    SELECT * FROM {current kpis} WHERE {tenant} AND {period of window_end}
    ORDER BY kpi, tenant, dimensions, value IS NULL, window_end DESC
    LIMIT 1 BY kpi, tenant, dimensions
)
GROUP BY tenant, operator
ORDER BY tenant, xp DESC, operator
LIMIT {limit:UInt32} BY tenant

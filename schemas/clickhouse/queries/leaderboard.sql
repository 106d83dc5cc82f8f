-- title: Operators by experience points
-- period 90
-- param of String = operator: what KPIs stand on
-- param limit UInt32 = 10: how many
SELECT tenant, dimensions['operator'] AS operator, anyIf(value, kpi = 'operator_xp') AS xp, anyIf(value, kpi = 'operator_level') AS level,
       anyIf(value, kpi = 'operator_sessions') AS sessions, anyIf(value, kpi = 'operator_hours') AS hours,
       anyIf(value, kpi = 'operator_success_rate') AS success_percent, anyIf(value, kpi = 'operator_certifications') AS certifications
FROM {newest kpis}
GROUP BY tenant, operator
ORDER BY tenant, xp DESC, operator
LIMIT {limit:UInt32} BY tenant

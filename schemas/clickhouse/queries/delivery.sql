-- title: Delivery of teams: how often, how fast, how safe, how soon recovered
-- period 28
SELECT f.tenant AS tenant, f.team AS team, f.term_deployments AS deployments, f.value AS per_day, l.value AS lead_hours,
       c.value AS failed_percent, r.value AS recovery_hours, w.value AS rework_percent
FROM {kpi deployment_frequency} AS f
LEFT JOIN {kpi lead_time} AS l ON l.tenant = f.tenant AND l.team = f.team
LEFT JOIN {kpi change_fail_rate} AS c ON c.tenant = f.tenant AND c.team = f.team
LEFT JOIN {kpi recovery_time} AS r ON r.tenant = f.tenant AND r.team = f.team
LEFT JOIN {kpi rework_rate} AS w ON w.tenant = f.tenant AND w.team = f.team
WHERE {tenant}
ORDER BY tenant, team

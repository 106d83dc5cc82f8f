-- title: SLAs: compliance, what is left of the error budget, and how fast it burns
-- period 28
-- param of String = sla: category of KPIs
SELECT tenant, extract(kpi, '^sla_(.*)_(?:compliance|availability|satisfaction|over_maximum|budget_left|burn_[0-9a-z]+)$') AS sla,
       arrayStringConcat(mapValues(dimensions), ' ') AS subject, anyIf(value, kpi LIKE '%\_compliance') AS compliant,
       anyIf(value, kpi LIKE '%\_availability') AS available,
       anyIf(value, kpi LIKE '%\_satisfaction') AS satisfaction, anyIf(value, kpi LIKE '%\_budget\_left') AS budget_left,
       anyIf(value, kpi LIKE '%\_burn\_1h') AS burn_1h, anyIf(value, kpi LIKE '%\_burn\_6h') AS burn_6h, anyIf(value, kpi LIKE '%\_burn\_3d') AS burn_3d
FROM {newest kpis}
GROUP BY tenant, sla, subject
ORDER BY tenant, sla, subject

-- title: Budgets: used, left, and what the pace comes to
-- period 28
-- param of String = budget: category of KPIs
SELECT tenant, extract(kpi, '^budget_(.*)_(?:used|left|forecast)$') AS budget, arrayStringConcat(mapValues(dimensions), ' ') AS subject,
       anyIf(value, kpi LIKE '%\_used') AS used_percent, anyIf(status, kpi LIKE '%\_used') AS status, anyIf(value, kpi LIKE '%\_left') AS left_usd,
       anyIf(value, kpi LIKE '%\_forecast') AS forecast_percent, max(window_end) AS through
FROM {newest kpis}
GROUP BY tenant, budget, subject
ORDER BY tenant, budget, used_percent DESC, subject

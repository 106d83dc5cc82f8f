-- title: Models by spend, with calls, failures and cost per call
-- period 30
-- param limit UInt32 = 20: how many of each tenant
SELECT c.tenant AS tenant, c.model AS model, c.usd AS usd, c.calls AS calls, c.failures AS failures, c.unpriced AS unpriced,
       k.value AS usd_per_call, c.tokens_output AS tokens_output
FROM (
    SELECT tenant, model, weirNumber(sum(p.cost)) AS usd, sum(p.calls) AS calls, sum(p.failures) AS failures,
           sum(p.unpriced) AS unpriced, weirNumber(sum(p.tokens_output)) AS tokens_output
    FROM llm_call_day_parts AS p
    WHERE rollup = 'model' AND {tenant} AND {period of window_start}
    GROUP BY tenant, model
) AS c
LEFT JOIN {kpi cost_per_call} AS k ON k.tenant = c.tenant AND k.model = c.model
ORDER BY tenant, usd DESC, calls DESC, model
LIMIT {limit:UInt32} BY tenant

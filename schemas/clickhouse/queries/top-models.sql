-- title: Models by spend, with calls, failures and cost per call
-- period 30
-- param limit UInt32 = 20: how many of each tenant
SELECT tenant, model, weirNumber(sum(p.cost)) AS usd, sum(p.calls) AS calls, sum(p.failures) AS failures, sum(p.unpriced) AS unpriced,
       usd / nullIf(calls - unpriced, 0) AS usd_per_call,
       weirNumber(sum(p.tokens_output)) AS tokens_output
FROM llm_call_day_parts AS p
WHERE rollup = 'model' AND {tenant} AND {period of window_start}
GROUP BY tenant, model
ORDER BY tenant, usd DESC, calls DESC, model
LIMIT {limit:UInt32} BY tenant

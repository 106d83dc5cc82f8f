-- title: Failed calls by provider and model
-- period 7
SELECT tenant, provider, model, sum(p.calls) AS calls, sum(p.failures) AS failures, round(100 * failures / nullIf(calls, 0), 3) AS percent,
       sum(p.rate_limited) AS rate_limited, sum(p.truncated) AS truncated
FROM llm_call_day_parts AS p
WHERE rollup = 'model,provider' AND {tenant} AND {period of window_start}
GROUP BY tenant, provider, model
HAVING failures > 0
ORDER BY tenant, failures DESC, provider, model

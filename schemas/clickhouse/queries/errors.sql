-- title: Failed calls by provider and model
-- period 7
SELECT c.tenant AS tenant, c.provider AS provider, c.model AS model, c.calls AS calls, c.failures AS failures, k.value AS percent,
       c.rate_limited AS rate_limited, c.truncated AS truncated
FROM (
    SELECT tenant, provider, model, sum(p.calls) AS calls, sum(p.failures) AS failures, sum(p.rate_limited) AS rate_limited,
           sum(p.truncated) AS truncated
    FROM llm_call_day_parts AS p
    WHERE rollup = 'model,provider' AND {tenant} AND {period of window_start}
    GROUP BY tenant, provider, model
    HAVING failures > 0
) AS c
LEFT JOIN {kpi llm_error_rate} AS k ON k.tenant = c.tenant AND k.provider = c.provider AND k.model = c.model
ORDER BY tenant, failures DESC, provider, model

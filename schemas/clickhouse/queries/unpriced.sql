-- title: Calls that no price is known for, by provider, model and service tier; what to add to the price book
-- param days UInt32 = 30: how far back
SELECT tenant, provider, model, service_tier, sum(unpriced) AS unpriced, sum(calls) AS calls,
       round(100 * unpriced / nullIf(calls, 0), 2) AS percent,
       round(sum(tokens_input)) AS input, round(sum(tokens_cache_read)) AS cache_read,
       round(sum(tokens_cache_write)) AS cache_write, round(sum(tokens_output)) AS output
FROM llm_call_1h
WHERE rollup = 'model,provider,service_tier' AND window_start >= now() - toIntervalDay({days:UInt32})
GROUP BY tenant, provider, model, service_tier
HAVING unpriced > 0
ORDER BY unpriced DESC, tenant, provider, model, service_tier

-- title: Calls that no price is known for, by provider, model and service tier; what to add to the price book
-- period 30
SELECT tenant, provider, model, service_tier, sum(unpriced) AS unpriced_calls, sum(calls) AS all_calls,
       round(100 * unpriced_calls / nullIf(all_calls, 0), 2) AS percent,
       weirNumber(sum(tokens_input)) AS input, weirNumber(sum(tokens_cache_read)) AS cache_read,
       weirNumber(sum(tokens_cache_write)) AS cache_write, weirNumber(sum(tokens_output)) AS output
FROM llm_call_day_parts
WHERE rollup = 'model,provider,service_tier' AND {tenant} AND {period of window_start}
GROUP BY tenant, provider, model, service_tier
HAVING unpriced_calls > 0
ORDER BY unpriced_calls DESC, tenant, provider, model, service_tier

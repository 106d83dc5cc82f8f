-- title: Latency of models: percentiles merged over the whole span, never averaged
-- period 7
SELECT tenant, model, sum(latency_count) AS calls, round(weirNumber(sum(latency_sum)) / nullIf(calls, 0), 1) AS mean_ms,
       minIf(latency_min, latency_count > 0) AS least_ms, maxIf(latency_max, latency_count > 0) AS most_ms,
       round(weirWithin(weirBin(quantileExactWeightedArray(0.5)(mapKeys(latency_bins), mapValues(latency_bins))), least_ms, most_ms), 1) AS p50_ms,
       round(weirWithin(weirBin(quantileExactWeightedArray(0.95)(mapKeys(latency_bins), mapValues(latency_bins))), least_ms, most_ms), 1) AS p95_ms,
       round(weirWithin(weirBin(quantileExactWeightedArray(0.99)(mapKeys(latency_bins), mapValues(latency_bins))), least_ms, most_ms), 1) AS p99_ms
FROM llm_call_day_parts
WHERE rollup = 'model' AND {tenant} AND {period of window_start}
GROUP BY tenant, model
HAVING calls > 0
ORDER BY tenant, calls DESC, model

-- title: Latency of models: percentiles merged over the whole span, never averaged
-- param days UInt32 = 7: how far back
SELECT model, sum(latency_count) AS calls, round(toFloat64(sum(latency_sum)) / nullIf(calls, 0), 1) AS mean_ms,
       round(weirBin(quantileExactWeightedArray(0.5)(mapKeys(latency_bins), mapValues(latency_bins))), 1) AS p50_ms,
       round(weirBin(quantileExactWeightedArray(0.95)(mapKeys(latency_bins), mapValues(latency_bins))), 1) AS p95_ms,
       round(weirBin(quantileExactWeightedArray(0.99)(mapKeys(latency_bins), mapValues(latency_bins))), 1) AS p99_ms,
       round(max(latency_max), 1) AS max_ms
FROM parts_llm_call FINAL
WHERE run = (SELECT run FROM current_run) AND rollup = 'model' AND (late = 1 OR (late = 0 AND window_size = '1h'))
  AND window_start >= now() - toIntervalDay({days:UInt32})
GROUP BY model
HAVING calls > 0
ORDER BY calls DESC, model

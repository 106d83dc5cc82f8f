-- title: Models by spend, with calls, failures and cost per call
-- param days UInt32 = 30: how far back
-- param limit UInt32 = 20: how many
SELECT model, round(sum(cost), 4) AS usd, sum(calls) AS calls, sum(failures) AS failures, sum(unpriced) AS unpriced,
       round(usd / nullIf(calls - unpriced, 0), 6) AS usd_per_call,
       sum(tokens_output) AS tokens_output
FROM llm_call_1h
WHERE rollup = 'model' AND window_start >= now() - toIntervalDay({days:UInt32})
GROUP BY model
ORDER BY usd DESC, calls DESC, model
LIMIT {limit:UInt32}

-- title: Failed calls by provider and model
-- param days UInt32 = 7: how far back
SELECT provider, model, sum(p.calls) AS calls, sum(p.failures) AS failures, round(100 * failures / nullIf(calls, 0), 3) AS percent,
       sum(p.rate_limited) AS rate_limited, sum(p.truncated) AS truncated
FROM llm_call_1h AS p
WHERE rollup = 'model,provider' AND window_start >= now() - toIntervalDay({days:UInt32})
GROUP BY provider, model
HAVING failures > 0
ORDER BY failures DESC, provider, model

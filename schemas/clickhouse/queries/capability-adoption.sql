-- title: Capabilities: who uses them, how well they work, what they save
-- param days UInt32 = 30: how far back
WITH active AS (
    SELECT tenant, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers
    FROM parts_capability_executed FINAL
    WHERE run = (SELECT run FROM current_run) AND rollup = '' AND (late = 1 OR (late = 0 AND window_size = '1h'))
      AND window_start >= now() - toIntervalDay({days:UInt32})
    GROUP BY tenant
)
SELECT c.tenant AS tenant, c.capability AS capability, c.engineers AS engineers,
       round(100 * c.engineers / nullIf(active.engineers, 0), 1) AS adoption_percent,
       c.executions AS executions, round(100 * (1 - c.failures / nullIf(c.executions, 0)), 2) AS success_percent,
       c.tokens AS tokens_saved, c.p95_ms AS p95_ms
FROM (
    SELECT tenant, capability, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers,
           sum(p.executions) AS executions, sum(p.failures) AS failures, sum(p.tokens_saved) AS tokens,
           round(weirBin(quantileExactWeightedArray(0.95)(mapKeys(duration_bins), mapValues(duration_bins))), 1) AS p95_ms
    FROM parts_capability_executed AS p FINAL
    WHERE run = (SELECT run FROM current_run) AND rollup = 'capability' AND (late = 1 OR (late = 0 AND window_size = '1h'))
      AND window_start >= now() - toIntervalDay({days:UInt32})
    GROUP BY tenant, capability
) AS c
LEFT JOIN active ON active.tenant = c.tenant
ORDER BY tenant, executions DESC, capability

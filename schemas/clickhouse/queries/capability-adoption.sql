-- title: Capabilities: who uses them, how well they work, what they save
-- period 30
WITH active AS (
    SELECT tenant, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers
    FROM capability_executed_day_parts
    WHERE rollup = '' AND {tenant} AND {period of window_start}
    GROUP BY tenant
)
SELECT c.tenant AS tenant, c.capability AS capability, c.engineers AS engineers,
       round(100 * c.engineers / nullIf(active.engineers, 0), 1) AS adoption_percent,
       c.executions AS executions, round(100 * (1 - c.failures / nullIf(c.executions, 0)), 2) AS success_percent,
       c.tokens AS tokens_saved, c.p95_ms AS p95_ms
FROM (
    SELECT tenant, capability, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers,
           sum(p.executions) AS executions, sum(p.failures) AS failures, weirNumber(sum(p.tokens_saved)) AS tokens,
           round(weirWithin(weirBin(quantileExactWeightedArray(0.95)(mapKeys(duration_bins), mapValues(duration_bins))),
                            minIf(duration_min, duration_count > 0), maxIf(duration_max, duration_count > 0)), 1) AS p95_ms
    FROM capability_executed_day_parts AS p
    WHERE rollup = 'capability' AND {tenant} AND {period of window_start}
    GROUP BY tenant, capability
) AS c
LEFT JOIN active ON active.tenant = c.tenant
ORDER BY tenant, executions DESC, capability

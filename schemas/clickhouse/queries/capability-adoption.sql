-- title: Capabilities: who uses them, how well they work, what they save
-- period 30
SELECT c.tenant AS tenant, c.capability AS capability, a.term_users AS engineers, a.value AS adoption_percent,
       c.executions AS executions, s.value AS success_percent, c.tokens AS tokens_saved, c.p95_ms AS p95_ms
FROM (
    SELECT tenant, capability, sum(p.executions) AS executions, weirNumber(sum(p.tokens_saved)) AS tokens,
           round(weirWithin(weirBin(quantileExactWeightedArray(0.95)(mapKeys(duration_bins), mapValues(duration_bins))),
                            minIf(duration_min, duration_count > 0), maxIf(duration_max, duration_count > 0)), 1) AS p95_ms
    FROM capability_executed_day_parts AS p
    WHERE rollup = 'capability' AND {tenant} AND {period of window_start}
    GROUP BY tenant, capability
) AS c
LEFT JOIN {kpi capability_adoption} AS a ON a.tenant = c.tenant AND a.capability = c.capability
LEFT JOIN {kpi capability_success_rate} AS s ON s.tenant = c.tenant AND s.capability = c.capability
ORDER BY tenant, executions DESC, capability

-- title: Spend of teams, with their share and spend per engineer
-- param days UInt32 = 30: how far back
SELECT tenant, team, round(usd, 4) AS usd, round(100 * usd / nullIf(sum(usd) OVER (PARTITION BY tenant), 0), 1) AS percent, calls, engineers,
       round(usd / nullIf(engineers, 0), 4) AS usd_per_engineer
FROM (
    SELECT tenant, team, toFloat64(sum(cost)) AS usd, sum(calls) AS calls, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers
    FROM parts_llm_call FINAL
    WHERE run = (SELECT run FROM current_run) AND rollup = 'team' AND (late = 1 OR (late = 0 AND window_size = '1h'))
      AND window_start >= now() - toIntervalDay({days:UInt32})
    GROUP BY tenant, team
)
ORDER BY tenant, usd DESC, team

-- title: Spend of teams, with their share and spend per engineer
-- period 30
SELECT tenant, team, usd, round(100 * usd / nullIf(sum(usd) OVER (PARTITION BY tenant), 0), 1) AS percent, calls, engineers,
       usd / nullIf(engineers, 0) AS usd_per_engineer
FROM (
    SELECT tenant, team, weirNumber(sum(cost)) AS usd, sum(p.calls) AS calls, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers
    FROM llm_call_day_parts AS p
    WHERE rollup = 'team' AND {tenant} AND {period of window_start}
    GROUP BY tenant, team
)
ORDER BY tenant, usd DESC, team

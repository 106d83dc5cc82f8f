-- title: What teams save against what their tools cost
-- period 30
-- param token_price Float64 = 0.03: USD per 1000 tokens saved
-- param call_price Float64 = 0.01: USD per call avoided
-- param hourly_rate Float64 = 100: USD per hour of an engineer
-- param efficiency Float64 = 0.18: part of saved time that becomes work
-- param tool_cost Float64 = 50: USD per engineer and 30 days
SELECT tenant, team, engineers,
       tokens / 1000 * {token_price:Float64} + avoided * {call_price:Float64} AS cost_saved,
       minutes / 60 * {hourly_rate:Float64} * {efficiency:Float64} AS productivity_value,
       engineers * {tool_cost:Float64} * {length of period} / 30 AS tool_cost,
       (cost_saved + productivity_value) / nullIf(tool_cost, 0) AS roi
FROM (
    SELECT tenant, team, any(day + days_ago) AS today, weirNumber(sum(tokens_saved)) AS tokens, weirNumber(sum(api_calls_avoided)) AS avoided,
           weirNumber(sum(minutes_saved)) AS minutes, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers
    FROM capability_executed_day_parts
    WHERE rollup = 'team' AND {tenant} AND {period of window_start}
    GROUP BY tenant, team
)
ORDER BY tenant, roi DESC, team

-- title: What teams save against what their tools cost
-- param days UInt32 = 30: how far back
-- param token_price Float64 = 0.03: USD per 1000 tokens saved
-- param call_price Float64 = 0.01: USD per call avoided
-- param hourly_rate Float64 = 100: USD per hour of an engineer
-- param efficiency Float64 = 0.18: part of saved time that becomes work
-- param tool_cost Float64 = 50: USD per engineer and 30 days
SELECT tenant, team, engineers,
       round(tokens / 1000 * {token_price:Float64} + avoided * {call_price:Float64}, 2) AS cost_saved,
       round(minutes / 60 * {hourly_rate:Float64} * {efficiency:Float64}, 2) AS productivity_value,
       round(engineers * {tool_cost:Float64} * {days:UInt32} / 30, 2) AS tool_cost,
       round((cost_saved + productivity_value) / nullIf(tool_cost, 0), 2) AS roi
FROM (
    SELECT tenant, team, toFloat64(sum(tokens_saved)) AS tokens, toFloat64(sum(api_calls_avoided)) AS avoided,
           toFloat64(sum(minutes_saved)) AS minutes, weirDistinct(groupUniqArrayArray(engineers_hashes)) AS engineers
    FROM parts_capability_executed FINAL
    WHERE run = (SELECT run FROM current_run) AND rollup = 'team' AND (late = 1 OR (late = 0 AND window_size = '1h'))
      AND window_start >= now() - toIntervalDay({days:UInt32})
    GROUP BY tenant, team
)
ORDER BY tenant, roi DESC, team

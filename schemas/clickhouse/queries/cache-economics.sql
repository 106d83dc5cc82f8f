-- title: What caching is worth, in input tokens at full price; it may cost more than it saves
-- period 30
SELECT c.tenant AS tenant, c.team AS team, c.fresh AS fresh, c.read AS read, c.written AS written, c.for_an_hour AS for_an_hour,
       s.value AS read_percent, n.value AS net_saving_tokens, round(c.read / nullIf(c.written, 0), 2) AS reads_per_write
FROM (
    SELECT tenant, team, weirNumber(sum(tokens_input)) AS fresh, weirNumber(sum(tokens_cache_read)) AS read,
           weirNumber(sum(tokens_cache_write)) AS written, weirNumber(sum(tokens_cache_write_1h)) AS for_an_hour
    FROM llm_call_day_parts
    WHERE rollup = 'team' AND {tenant} AND {period of window_start}
    GROUP BY tenant, team
) AS c
LEFT JOIN {kpi cache_read_share} AS s ON s.tenant = c.tenant AND s.team = c.team
LEFT JOIN {kpi net_cache_saving} AS n ON n.tenant = c.tenant AND n.team = c.team
ORDER BY tenant, net_saving_tokens DESC, team

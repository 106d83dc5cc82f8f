-- title: What caching is worth, in input tokens at full price; it may cost more than it saves
-- period 30
-- param read_discount Float64 = 0.9: part of the input price that a read saves
-- param write_surcharge Float64 = 0.25: part of the input price that a write costs on top
-- param hour_surcharge Float64 = 1: the same for a write that lives for an hour
SELECT tenant, team, weirNumber(sum(tokens_input)) AS fresh, weirNumber(sum(tokens_cache_read)) AS read,
       weirNumber(sum(tokens_cache_write)) AS written, weirNumber(sum(tokens_cache_write_1h)) AS for_an_hour,
       round(100 * read / nullIf(fresh + read + written, 0), 2) AS read_percent,
       round(read * {read_discount:Float64} - greatest(written - for_an_hour, 0) * {write_surcharge:Float64}
             - for_an_hour * {hour_surcharge:Float64}) AS net_saving_tokens,
       round(read / nullIf(written, 0), 2) AS reads_per_write
FROM llm_call_day_parts
WHERE rollup = 'team' AND {tenant} AND {period of window_start}
GROUP BY tenant, team
ORDER BY tenant, net_saving_tokens DESC, team

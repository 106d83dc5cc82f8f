INSERT INTO parts_llm_call (run, tenant, rollup, window_size, window_start, window_end, version, calls)
VALUES (1, 'acme', '', '1h', '2026-03-01 10:00:00', '2026-03-01 11:00:00', 1, 5);
INSERT INTO events_llm_call (log_partition, log_offset, tenant, event_id, event_time)
VALUES (0, 7, 'acme', 'e', '2026-03-01 10:30:00');
INSERT INTO kpis_log (run, id, kpi, tenant, window, window_start, window_end, value, version)
VALUES (1, 'k', 'cost_per_call', 'acme', '1h', '2026-03-01 10:00:00', '2026-03-01 11:00:00', 2.5, 1);
INSERT INTO alerts_log (run, id, rule, tenant, state, step, opened, at)
VALUES (1, 'a', 'r', 'acme', 'open', 1, '2026-03-01 11:00:00', '2026-03-01 11:00:00');

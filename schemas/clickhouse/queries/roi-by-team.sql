-- title: What teams save against what their tools cost
-- period 30
SELECT tenant, team, term_engineers AS engineers, term_tokens_saved AS tokens_saved, term_calls_avoided AS calls_avoided,
       term_minutes_saved AS minutes_saved, value AS roi, status
FROM {kpi roi}
WHERE {tenant}
ORDER BY tenant, roi DESC, team

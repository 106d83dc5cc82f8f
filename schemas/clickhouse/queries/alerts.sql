-- title: Alerts, open ones first
-- period 30: leave out those that were over before
SELECT if(state = 'resolve', 'resolved', 'open') AS status, severity, rule, tenant, dimensions, opened, at, value, threshold, worst, windows, impact, action
FROM alerts
WHERE {tenant} AND (state != 'resolve' OR {period of at})
ORDER BY state = 'resolve', indexOf(['critical', 'high', 'medium', 'low'], severity), opened DESC, id

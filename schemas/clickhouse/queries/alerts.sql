-- title: Alerts, open ones first
-- param days UInt32 = 30: leave out those that were over before
SELECT if(state = 'resolve', 'resolved', 'open') AS status, severity, rule, tenant, dimensions, opened, at, value, threshold, worst, windows, impact, action
FROM alerts
WHERE state != 'resolve' OR at >= now() - toIntervalDay({days:UInt32})
ORDER BY state = 'resolve', indexOf(['critical', 'high', 'medium', 'low'], severity), opened DESC, id

-- title: Commits, changes and their assistants by week
-- param weeks UInt32 = 26: how far back
SELECT toMonday(window_start) AS week, tenant, sum(p.commits) AS commits, sum(p.commits) - sum(p.unassisted_commits) AS assisted_commits,
       round(100 * assisted_commits / nullIf(commits, 0), 1) AS assisted_percent, sum(p.prs_merged) AS prs_merged,
       sum(p.lines_added) AS lines_added, sum(p.lines_deleted) AS lines_deleted, sum(p.bugs_fixed) AS bugs_fixed
FROM productivity_recorded_1d AS p
WHERE rollup = '' AND window_start >= now() - toIntervalWeek({weeks:UInt32})
GROUP BY week, tenant
ORDER BY week, tenant

-- title: Commits, changes and their assistants by week (the tenant's, from Monday)
-- period 182
SELECT toMonday(day) AS week, tenant, weirNumber(sum(p.commits)) AS commits, weirNumber(sum(p.commits) - sum(p.unassisted_commits)) AS assisted_commits,
       round(100 * assisted_commits / nullIf(commits, 0), 1) AS assisted_percent, weirNumber(sum(p.prs_merged)) AS prs_merged,
       weirNumber(sum(p.lines_added)) AS lines_added, weirNumber(sum(p.lines_deleted)) AS lines_deleted, weirNumber(sum(p.bugs_fixed)) AS bugs_fixed
FROM productivity_recorded_day_parts AS p
WHERE rollup = '' AND {tenant} AND {period of window_start}
GROUP BY week, tenant
ORDER BY week, tenant

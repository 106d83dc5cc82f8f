-- title: Experiments: each variant against the baseline, valid however often one looks
-- period 90
-- param of String = experiment,metric,variant: what KPIs stand on
SELECT tenant, dimensions['experiment'] AS experiment, dimensions['metric'] AS metric, dimensions['variant'] AS variant,
       anyIf(sample, kpi = 'experiment_mean') AS observations, anyIf(value, kpi = 'experiment_mean') AS mean,
       anyIf(value, kpi = 'experiment_effect') AS effect, anyIf(value, kpi = 'experiment_p_value') AS p_value
FROM {newest kpis}
GROUP BY tenant, experiment, metric, variant
ORDER BY tenant, experiment, metric, variant != 'baseline', variant

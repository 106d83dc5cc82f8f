-- title: Procedures: most used first, with failures and what agents say of them
-- period 28
-- param limit UInt32 = 20: how many
SELECT u.tenant AS tenant, u.procedure AS procedure, u.term_all AS invocations, f.value AS failed_percent, c.value AS clarity, s.value AS usefulness
FROM {kpi procedure_use} AS u
LEFT JOIN {kpi procedure_failure_rate} AS f ON f.tenant = u.tenant AND f.procedure = u.procedure
LEFT JOIN {kpi procedure_clarity} AS c ON c.tenant = u.tenant AND c.procedure = u.procedure
LEFT JOIN {kpi procedure_usefulness} AS s ON s.tenant = u.tenant AND s.procedure = u.procedure
WHERE {tenant}
ORDER BY tenant, invocations DESC, procedure
LIMIT {limit:UInt32}

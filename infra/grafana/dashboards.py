#!/usr/bin/env python3
"""Writes the dashboards: what they show is said here, in one line per panel.

    infra/grafana/dashboards.py            writes infra/grafana/dashboards/*.json
    infra/grafana/dashboards.py --check    compares, and ends with 1 where a file is another
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent / "dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "clickhouse"}
# Widths of Grafana's grid, and the height of a panel in it.
COLUMNS, HEIGHT = 24, 8


def prom(title, unit, *queries, kind="timeseries", width=8, note=""):
    """A panel over Prometheus; a query is (legend, expression)."""
    targets = [
        {"refId": chr(65 + i), "datasource": PROMETHEUS, "expr": expr, "legendFormat": legend}
        for i, (legend, expr) in enumerate(queries)
    ]
    return panel(title, unit, PROMETHEUS, targets, kind, width, note)


def sql(title, unit, text, kind="table", width=12, note=""):
    """A panel over ClickHouse; a column `time` makes a series."""
    # The plugin's numbers: 1 a table, 0 a series.
    shape = 0 if kind in ("timeseries",) else 1
    target = {
        "refId": "A",
        "datasource": CLICKHOUSE,
        "editorType": "sql",
        "queryType": "timeseries" if shape == 0 else "table",
        "format": shape,
        "rawSql": " ".join(text.split()),
    }
    return panel(title, unit, CLICKHOUSE, [target], kind, width, note)


def panel(title, unit, source, targets, kind, width, note):
    defaults = {"unit": unit}
    if kind == "timeseries":
        defaults["custom"] = {"fillOpacity": 10, "showPoints": "never"}
    made = {
        "title": title,
        "type": kind,
        "datasource": source,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "gridPos": {"w": width, "h": HEIGHT if kind != "stat" else HEIGHT // 2},
        "options": {},
    }
    if note:
        made["description"] = note
    if kind == "stat":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "values": False}}
    return made


def choice(name, label, query, source=PROMETHEUS):
    """A variable whose values a query gives; all of them at first."""
    text = {"query": query, "refId": name} if source is PROMETHEUS else query
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": source,
        "query": text,
        "includeAll": source is PROMETHEUS,
        "multi": source is PROMETHEUS,
        "allValue": ".*" if source is PROMETHEUS else None,
        "current": {"text": "All", "value": "$__all"} if source is PROMETHEUS else {},
        "refresh": 2,
    }


def placed(panels):
    """Panels from left to right, row after row."""
    x = y = row = 0
    for number, one in enumerate(panels, start=1):
        place = one["gridPos"]
        if x + place["w"] > COLUMNS:
            x, y, row = 0, y + row, 0
        one["id"], place["x"], place["y"] = number, x, y
        x, row = x + place["w"], max(row, place["h"])
    return panels


def dashboard(uid, title, panels, variables=(), span="now-6h", refresh="30s"):
    return {
        "uid": uid,
        "title": title,
        "tags": ["weir"],
        "schemaVersion": 41,
        "editable": False,
        "timezone": "utc",
        "time": {"from": span, "to": "now"},
        "refresh": refresh,
        "templating": {"list": list(variables)},
        "panels": placed(panels),
        "links": [{"title": "weir", "type": "dashboards", "tags": ["weir"], "asDropdown": True}],
    }


TENANT = choice("tenant", "Tenant", "SELECT DISTINCT tenant FROM data_spans ORDER BY 1", CLICKHOUSE)
MINE = "tenant = '${tenant}' AND $__timeFilter(window_start)"

SYSTEM = dashboard("weir-overview", "System Overview", [
    prom("Services that work", "short", ("", "sum(weir:works:bool)"), kind="stat", width=4),
    prom("Alerts of weir itself", "short",
         ("", 'count(ALERTS{alertstate="firing",severity=~"p1|p2"}) or vector(0)'),
         kind="stat", width=4),
    prom("Events a second", "short", ("", "sum(weir:events:rate5m)"), kind="stat", width=4),
    prom("Records that wait", "short", ("", "sum(weir:lag_records:sum)"), kind="stat", width=4),
    prom("Oldest results", "s", ("", "max(weir_watermark_delay_seconds)"), kind="stat", width=4,
         note="From the watermark to now. Without events it grows up to an hour."),
    prom("Dead letters in a day", "short",
         ("", "sum(increase(weir_dead_letters_total[1d])) or vector(0)"), kind="stat", width=4),
    prom("Events by type", "short", ("{{event}}", "sum by (event) (weir:events:rate5m)")),
    prom("Rows into ClickHouse", "short", ("{{table}}", "sum by (table) (weir:rows:rate5m)")),
    prom("Records that wait", "short", ("{{service}}", "weir:lag_records:sum")),
    prom("From the watermark to now", "s",
         ("{{event}}", "max by (event) (weir_watermark_delay_seconds)")),
    prom("Commits, p99", "s", ("{{stage}}", "weir:commit_seconds:p99_5m")),
    prom("Open alerts of the catalog", "short", ("open", "sum(weir_alerts_open)")),
    prom("Objective used up in an hour (1 is what may be)", "short",
         ("availability {{service}}", "weir:availability:bad1h / 0.001"),
         ("commits {{service}}", "weir:commits:bad1h / 0.01"),
         ("in time {{service}}", "weir:in_time:bad1h / 0.01"),
         ("readable {{service}}", "weir:readable:bad1h / 0.001 or vector(0)"),
         ("requests {{service}}", "weir:requests:bad1h / 0.001 or vector(0)"), width=24),
])

SERVICE = dashboard("weir-service", "Service Deep-Dive", [
    prom("Works", "short", ("{{service}} {{instance}}", 'weir:works:bool{service=~"$service"}')),
    prom("Parts that stand still", "s",
         ("{{part}}", 'max by (part) (weir_stalled_seconds{service=~"$service"})')),
    prom("Records read", "short",
         ("{{stage}}", 'sum by (stage) (rate(weir_stage_records_total{service=~"$service"}[5m]))')),
    prom("Bytes read", "Bps",
         ("{{stage}}", 'sum by (stage) (rate(weir_stage_bytes_total{service=~"$service"}[5m]))')),
    prom("Records that wait, by topic", "short",
         ("{{topic}}", 'sum by (topic) (weir_stage_lag_records{service=~"$service"})')),
    prom("Partitions owned", "short",
         ("{{stage}} {{instance}}", 'weir_stage_partitions{service=~"$service"}')),
    prom("Commits", "short",
         ("{{stage}}", 'sum by (stage) (rate(weir_stage_commits_total{service=~"$service"}[5m]))')),
    prom("Commits, p50 and p99", "s",
         ("p50 {{stage}}", "histogram_quantile(0.5, sum by (stage, le) "
          '(rate(weir_stage_commit_seconds_bucket{service=~"$service"}[5m])))'),
         ("p99 {{stage}}", "histogram_quantile(0.99, sum by (stage, le) "
          '(rate(weir_stage_commit_seconds_bucket{service=~"$service"}[5m])))')),
    prom("Aborts, rebuilds, restarts in an hour", "short",
         ("aborts", "sum(increase(weir_stage_aborts_total[1h])) or vector(0)"),
         ("rebuilds", "sum(increase(weir_stage_rebuilds_total[1h])) or vector(0)"),
         ("sink rebuilds", "sum(increase(weir_sink_rebuilds_total[1h])) or vector(0)"),
         ("restarts", "sum(increase(weir_stage_restarts_total[1h])) or vector(0)"),
         note="One abort per rebalance is normal."),
    prom("Inserts, p99", "s", ("p99", "weir:insert_seconds:p99_5m")),
    prom("Inserts that failed", "short",
         ("retries", "sum(rate(weir_sink_retries_total[5m])) or vector(0)"),
         ("refused commits", "sum(rate(weir_sink_commits_refused_total[5m])) or vector(0)")),
    prom("Broken invariants", "short", ("", "sum by (stage) (weir_invariant_breaks)"),
         note="Must stay 0."),
], [choice("service", "Service", 'label_values(up{job="weir"}, service)')])

HEALTH = dashboard("weir-infrastructure", "Infrastructure Health", [
    prom("Targets", "short", ("{{job}} {{service}}", "sum by (job, service) (up)"), width=12),
    prom("Time of a scrape", "s", ("{{service}}", "max by (service) (scrape_duration_seconds)"),
         width=12),
    prom("Disk left", "percentunit",
         ("{{mountpoint}}", 'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"}'
          " / node_filesystem_size_bytes")),
    prom("Processor", "percentunit",
         ("{{mode}}", 'avg by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))')),
    prom("Memory left", "bytes", ("", "node_memory_MemAvailable_bytes")),
    prom("State of the stages", "bytes",
         ("{{stage}}", "sum by (stage) (weir_state_bytes)")),
    prom("Series held", "short", ("", "sum(weir_state_series)")),
    prom("Snapshots", "Bps", ("{{stage}}", "sum by (stage) (rate(weir_snapshot_bytes_total[5m]))")),
    sql("ClickHouse: rows and bytes by table", "short", """
        SELECT table, sum(rows) AS rows, formatReadableSize(sum(bytes_on_disk)) AS size
        FROM system.parts WHERE active AND database = currentDatabase()
        GROUP BY table ORDER BY sum(bytes_on_disk) DESC"""),
    sql("ClickHouse: parts that wait to be merged", "short", """
        SELECT table, count() AS parts FROM system.parts
        WHERE active AND database = currentDatabase() GROUP BY table ORDER BY parts DESC"""),
])

PIPELINE = dashboard("weir-pipeline", "Pipeline", [
    prom("combine: events", "short", ("{{event}}", "sum by (event) (weir:events:rate5m)")),
    prom("combine: late", "percentunit", ("{{event}}", "weir:late:ratio30m")),
    prom("combine: duplicates, clamped", "short",
         ("duplicates {{event}}", "sum by (event) (rate(weir_events_duplicate_total[5m]))"),
         ("clamped {{event}}", "sum by (event) (rate(weir_events_clamped_total[5m]))")),
    prom("combine: ticks", "short", ("{{event}}", "sum by (event) (rate(weir_ticks_total[10m]))")),
    prom("window: series and bytes", "short", ("series", "sum(weir_state_series)"),
         ("bytes", 'sum(weir_state_bytes{stage="window"})')),
    prom("score: open alerts", "short", ("open", "sum(weir_alerts_open)")),
    prom("sink: rows", "short", ("{{table}}", "sum by (table) (weir:rows:rate5m)")),
    prom("sink: inserts", "short", ("{{table}}",
         "sum by (table) (rate(weir_sink_inserts_total[5m]))")),
    prom("Dead letters, skipped", "short",
         ("dead letters", "sum(increase(weir_dead_letters_total[1h])) or vector(0)"),
         ("skipped", "sum(increase(weir_sink_skipped_records_total[1h])) or vector(0)")),
    sql("Days that are there", "short", """
        SELECT tenant, event, first_day, last_day FROM data_spans ORDER BY tenant, event"""),
    sql("Late events", "short", """
        SELECT topic, sum(events) AS events, min(earliest) AS earliest, max(watermark) AS watermark
        FROM late GROUP BY topic ORDER BY events DESC"""),
    sql("Runs", "short", "SELECT run, hex(catalog) AS catalog, since FROM runs ORDER BY run DESC"),
    sql("Events archived, by type", "short", """
        SELECT _table AS archive, count() AS events
        FROM merge(currentDatabase(), '^events_') GROUP BY archive ORDER BY events DESC"""),
])

DOORS = dashboard("weir-doors", "Gateway, Api, Notify", [
    prom("Requests", "reqps", ("{{service}} {{route}}",
         'sum by (service, route) (weir:requests:rate5m{service=~"$service"})')),
    prom("Requests, by status", "reqps", ("{{service}} {{status}}",
         'sum by (service, status) (weir:requests:rate5m{service=~"$service"})')),
    prom("Requests, p99", "s",
         ("{{service}} {{route}}", 'weir:request_seconds:p99_5m{service=~"$service"}')),
    prom("Requests that failed", "percentunit",
         ("{{service}}", 'weir:requests:bad5m{service=~"$service"} or vector(0)')),
    prom("Connections that are open", "short",
         ("gateway", "sum(weir_gateway_connections) or vector(0)"),
         ("api", "sum(weir_api_connections) or vector(0)"),
         ("turned away, gateway",
          "sum(increase(weir_gateway_connections_refused_total[1h])) or vector(0)"),
         ("turned away, api",
          "sum(increase(weir_api_connections_refused_total[1h])) or vector(0)")),
    prom("Tokens that are known", "short", ("gateway", "max(weir_gateway_tokens)"),
         ("api", "max(weir_api_tokens)")),
    prom("gateway: events that Kafka has", "short",
         ("{{event}}", "sum by (event) (rate(weir_gateway_events_total[5m]))")),
    prom("gateway: refused in an hour", "short",
         ("{{emitter}} {{code}}",
          "sum by (emitter, code) (increase(weir_gateway_refused_total[1h])) or vector(0)")),
    prom("gateway: OpenTelemetry", "short",
         ("{{signal}} {{outcome}}",
          "sum by (signal, outcome) (rate(weir_gateway_otlp_records_total[5m])) or vector(0)"),
         ("not understood: {{emitter}}",
          "sum by (emitter) (rate(weir_gateway_otlp_unmapped_total[5m])) or vector(0)")),
    prom("gateway: bytes under way", "bytes",
         ("", "sum(weir_gateway_in_flight_bytes) or vector(0)")),
    prom("notify: messages taken in an hour", "short",
         ("{{receiver}} {{why}}",
          "sum by (receiver, why) (increase(weir_notify_messages_total[1h]))")),
    prom("notify: messages that wait", "short", ("", "sum(weir_notify_pending)"),
         ("dead: {{receiver}}", "max by (receiver) (weir_notify_receiver_dead)"),
         note="1 for a receiver that has failed for long."),
    prom("notify: tries that failed, alerts that nobody is told", "short",
         ("{{receiver}}", "sum by (receiver) (increase(weir_notify_failures_total[1h]))"
          " or vector(0)"),
         ("no route", "sum(increase(weir_notify_unrouted_total[1h])) or vector(0)"),
         ("cannot be read", "sum(increase(weir_notify_skipped_records_total[1h])) or vector(0)")),
    prom("notify: time of a try, p99", "s",
         ("{{receiver}}", "histogram_quantile(0.99, sum by (receiver, le) "
          "(rate(weir_notify_try_seconds_bucket[5m])))")),
    prom("notify: from the plan of a message to the answer, p99", "s",
         ("{{receiver}}", "histogram_quantile(0.99, sum by (receiver, le) "
          "(rate(weir_notify_latency_seconds_bucket[5m])))")),
], [choice("service", "Service", 'label_values(up{job="weir",service=~"gateway|api"}, service)')])

DEPLOYMENTS = dashboard("weir-deployments", "Deployment Pipeline", [
    sql("Deployments a day", "short", f"""
        SELECT window_start AS time, deployments, change_failures, rework
        FROM deployment_recorded_1d WHERE rollup = '' AND {MINE} ORDER BY time""",
        kind="timeseries"),
    sql("Share of changes that harmed users", "percentunit", f"""
        SELECT window_start AS time,
          change_failures / nullIf(deployments - change_unknown, 0) AS share
        FROM deployment_recorded_1d WHERE rollup = '' AND {MINE} ORDER BY time""",
        kind="timeseries"),
    sql("From commit to deployment", "s", f"""
        SELECT window_start AS time, lead_time_p50 AS p50, lead_time_p90 AS p90
        FROM deployment_recorded_1d WHERE rollup = '' AND {MINE} ORDER BY time""",
        kind="timeseries"),
    sql("From harm to recovery", "s", f"""
        SELECT window_start AS time, recovery_time_p50 AS p50, recovery_time_p90 AS p90
        FROM incident_recorded_1d WHERE rollup = '' AND {MINE} ORDER BY time""",
        kind="timeseries"),
    sql("Services", "short", f"""
        SELECT service, sum(deployments) AS deployed, sum(completed) AS completed_,
          sum(change_failures) AS failures, sum(ai_assisted) AS assisted
        FROM deployment_recorded_1d WHERE rollup = 'service' AND {MINE}
        GROUP BY service ORDER BY deployed DESC"""),
    sql("With and without an assistant", "percentunit", f"""
        SELECT sum(ai_failures) / nullIf(sum(ai_assisted), 0) AS assisted,
          (sum(change_failures) - sum(ai_failures))
            / nullIf(sum(deployments) - sum(ai_assisted), 0) AS others
        FROM deployment_recorded_1d WHERE rollup = '' AND {MINE}"""),
], [TENANT], "now-30d", "5m")

PROCEDURES = dashboard("weir-procedures", "Procedure Health", [
    sql("Invocations a day", "short", f"""
        SELECT window_start AS time, successes, failures, aborted
        FROM procedure_invoked_1d WHERE rollup = '' AND {MINE} ORDER BY time""",
        kind="timeseries"),
    sql("Duration", "ms", f"""
        SELECT window_start AS time, duration_p50 AS p50, duration_p95 AS p95
        FROM procedure_invoked_1d WHERE rollup = '' AND {MINE} ORDER BY time""",
        kind="timeseries"),
    sql("Procedures", "short", f"""
        SELECT procedure, sum(invocations) AS calls,
          round(sum(successes) / nullIf(sum(invocations), 0), 3) AS success_rate,
          sum(failures) AS failed, sum(aborted) AS given_up
        FROM procedure_invoked_1d WHERE rollup = 'procedure' AND {MINE}
        GROUP BY procedure ORDER BY success_rate"""),
    sql("What people say of them (1 to 5)", "short", f"""
        SELECT procedure, sum(responses) AS answers,
          round(sum(clarity_sum) / nullIf(sum(clarity_count), 0), 2) AS clarity,
          round(sum(usefulness_sum) / nullIf(sum(usefulness_count), 0), 2) AS usefulness
        FROM procedure_feedback_1d WHERE rollup = 'procedure' AND {MINE}
        GROUP BY procedure ORDER BY usefulness"""),
    sql("Errors", "short", f"""
        SELECT procedure, error_type, sum(failures) AS failed
        FROM procedure_invoked_1d WHERE rollup = 'error_type,procedure' AND {MINE}
        GROUP BY procedure, error_type HAVING failed > 0 ORDER BY failed DESC LIMIT 50""",
        width=24),
], [TENANT], "now-30d", "5m")

SPEND = dashboard("weir-spend", "AI Spend and SLAs", [
    sql("Spend a day", "currencyUSD", f"""
        SELECT window_start AS time, cost FROM llm_call_1d WHERE rollup = '' AND {MINE}
        ORDER BY time""", kind="timeseries"),
    sql("Spend by team", "currencyUSD", f"""
        SELECT team, sum(cost) AS spend, sum(calls) AS requests FROM llm_call_1d
        WHERE rollup = 'team' AND {MINE} GROUP BY team ORDER BY spend DESC"""),
    sql("Spend by model", "currencyUSD", f"""
        SELECT model, sum(cost) AS spend, sum(calls) AS requests,
          sum(failures) / nullIf(sum(calls), 0) AS failed FROM llm_call_1d
        WHERE rollup = 'model' AND {MINE} GROUP BY model ORDER BY spend DESC"""),
    sql("Latency of models", "ms", f"""
        SELECT window_start AS time, latency_p50 AS p50, latency_p95 AS p95, latency_p99 AS p99
        FROM llm_call_1h WHERE rollup = '' AND {MINE} ORDER BY time""", kind="timeseries"),
    sql("Calls that failed", "percentunit", f"""
        SELECT window_start AS time, failures / nullIf(calls, 0) AS failed
        FROM llm_call_1h WHERE rollup = '' AND {MINE} ORDER BY time""", kind="timeseries"),
    sql("Calls without a price", "percentunit", f"""
        SELECT window_start AS time, unpriced / nullIf(calls, 0) AS unpriced_share
        FROM llm_call_1d WHERE rollup = '' AND {MINE} ORDER BY time""", kind="timeseries"),
    sql("KPIs on target (SLA)", "percentunit", f"""
        SELECT kpi, countIf(status = 'on_target') / count() AS on_target, avg(score) AS mean_score
        FROM kpis WHERE {MINE} AND status != 'no_data' GROUP BY kpi ORDER BY on_target"""),
    sql("Alerts", "short", """
        SELECT at, rule, severity, state, dimensions, value, threshold, impact, action FROM alerts
        WHERE tenant = '${tenant}' AND $__timeFilter(at)
        ORDER BY state != 'open', at DESC LIMIT 100"""),
    sql("Anomalies", "short", f"""
        SELECT window_start, detector, kind, severity, dimensions, value, expected
        FROM anomalies WHERE {MINE} ORDER BY window_start DESC LIMIT 100""", width=24),
], [TENANT], "now-30d", "5m")

ALL = {
    "system-overview": SYSTEM,
    "service-deep-dive": SERVICE,
    "infrastructure-health": HEALTH,
    "pipeline": PIPELINE,
    "gateway-api-notify": DOORS,
    "deployment-pipeline": DEPLOYMENTS,
    "procedure-health": PROCEDURES,
    "ai-spend-and-slas": SPEND,
}


def main(check):
    others = []
    HERE.mkdir(exist_ok=True)
    for name, made in ALL.items():
        path, text = HERE / f"{name}.json", json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        if check and (not path.is_file() or path.read_text() != text):
            others.append(str(path))
        elif not check:
            path.write_text(text)
    extra = {p.stem for p in HERE.glob("*.json")} - set(ALL)
    others += sorted(f"{name}.json is of no dashboard" for name in extra)
    if others:
        print("run infra/grafana/dashboards.py:", *others, file=sys.stderr)
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))

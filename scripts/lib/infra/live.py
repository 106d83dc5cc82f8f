"""Steps of the live check: starts the processes, watches them, lets some stand still.

Kafka runs from its jars with the settings that its image makes of its variables; the ClickHouse
engine stands in for its server.
"""

import base64
import http.server
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import threading
import time
import urllib.parse

import yaml

import static
from common import INFRA, ROOT, Failed, binary, needs, run, until
from system import System, answers, get

WEIR = ["combine", "window", "score", "sink", "gateway", "api", "notify"]
# The engine has no such port, and there is no Grafana here.
ABSENT = {"clickhouse"}
# What is stopped, and the alert of a service that must follow.
FAULTS = [("window", "WeirServiceDown", "window"), ("clickhouse", "WeirStalled", "sink"),
          ("clickhouse", "WeirSinkRetries", "sink")]
# Alerts about what came in the last minutes or hours: here within seconds, so that they end, too.
SOON = {"WeirEventsRefused", "WeirOtlpUnmapped", "WeirSinkRetries"}
# A receiver that refuses, and the alert that must follow.
REFUSED, DEAD = "/refused", ("/page-url", "WeirNotifyReceiverDead", "notify")


def kafka(system):
    """Kafka by the variables of its image: KAFKA_LOG_DIRS is log.dirs."""
    variables = system.project["services"]["kafka"]["environment"]
    properties = {}
    for name, value in variables.items():
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS":
            key = name.removeprefix("KAFKA_").lower().replace("_", ".")
            properties[key] = system.placed(value, own="kafka")
    # Written without a colon before the port: the node itself.
    properties["log.dirs"] = str(system.folder / "kafka")
    file = system.folder / "server.properties"
    file.write_text("".join(f"{k}={v}\n" for k, v in properties.items()))
    java = ["java", variables["KAFKA_HEAP_OPTS"], "-XX:TieredStopAtLevel=1", "-cp",
            f"{os.environ.get('WEIR_KAFKA_LIB', ROOT / '.deps/kafka/lib')}/*"]
    run(*java, "kafka.tools.StorageTool", "format", "-c", file, "-t", variables["CLUSTER_ID"])
    system.start("kafka", [*java, "kafka.Kafka", file])
    broker = properties["advertised.listeners"].split("://")[1].split(",")[0]
    host, port = broker.split(":")

    def listens():
        system.alive("kafka")
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex((host, int(port))) == 0
    until(60, "Kafka listens", listens)
    return f"{len(properties)} settings of the compose file, {broker}"


def clickhouse(system):
    """The engine, with the user and the password file of the compose file."""
    (system.folder / "clickhouse-password").write_text(system.password)
    made = system.folder / "secrets.json"
    made.write_text(json.dumps({"query": secrets.token_hex(32), "write": system.password,
                                "kafka": secrets.token_hex(32)}))
    made.chmod(0o600)
    (system.folder / "clickhouse").mkdir(mode=0o700)
    library = os.environ.get("WEIR_LIBCHDB", str(ROOT / ".deps/clickhouse/libchdb.so"))
    engine = binary().with_name("weir-clickhouse-engine")
    listen = system.address["clickhouse"] + ":8123"
    system.start("clickhouse", [engine, "--listen", listen, "--path", system.folder / "clickhouse",
                                "--library", library, "--secrets", made])
    until(60, "the engine answers", lambda: system.alive("clickhouse")
          and answers(f"http://{listen}/ping"))
    return listen


def notify_file(system):
    """The file of infra/notify, and a second receiver that refuses what it gets for a while."""
    config = yaml.safe_load(system.placed((INFRA / "notify/notify.yaml").read_text()))
    folder = system.folder / "notify"
    folder.mkdir()
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "refused.key").write_text(f"whsec_{key}")
    url = f"http://{system.address['receiver']}:9999{REFUSED}"
    config["receivers"]["refused"] = {"webhook": {"url": url, "secret_file": "refused.key"}}
    config["routes"][0]["to"] = [config["routes"][0]["to"], "refused"]
    config["routes"][0]["wait"] = "0s"
    config["dead_after"] = "5s"
    (folder / "notify.yaml").write_text(yaml.safe_dump(config))
    system.refused.add(REFUSED)


def services(system):
    """Every service of weir, until its health check holds."""
    begun = time.monotonic()
    notify_file(system)
    for name in WEIR:
        system.start(name, *system.service(name))
    for name in WEIR:
        try:
            until(90, f"{name} is healthy", lambda name=name: system.healthy(name))
        except Failed as failed:
            raise Failed(f"{failed}\n{system.log(name)}") from failed
    return f"{', '.join(WEIR)} healthy after {time.monotonic() - begun:.0f} s"


def demo(system):
    """The demo's history, then its live events in the background."""
    command, environment = system.service("demo-history")
    said = run(*command, env={"PATH": os.environ["PATH"], **environment}, cwd=system.folder)
    system.start("demo-live", *system.service("demo-live"))
    return said.splitlines()[0] if said else ""


def rules_files(system):
    """The rules of infra/, some with shorter spans."""
    for path in static.RULES:
        of = yaml.safe_load(path.read_text())
        for rule in (r for g in of["groups"] for r in g["rules"] if r.get("alert") in SOON):
            rule["expr"] = re.sub(r"\[\d+[mh]\]", "[30s]", rule["expr"])
            rule["expr"] = re.sub(r"offset \d+[mh]", "offset 30s", rule["expr"])
            rule["for"] = "0s"
        file = system.folder / path.name
        file.write_text(yaml.safe_dump(of))
        yield str(file)


def prometheus_config(system):
    config = yaml.safe_load(system.placed((INFRA / "prometheus/prometheus.yml").read_text(),
                                          own="prometheus"))
    config["global"].update(scrape_interval="2s", scrape_timeout="2s", evaluation_interval="2s")
    config["rule_files"] = list(rules_files(system))
    config["scrape_configs"] = [j for j in config["scrape_configs"] if j["job_name"] not in ABSENT]
    file = system.folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    return file


def alertmanager_config(system):
    """The routes and receivers of infra/, with addresses of this test and short waits."""
    config = yaml.safe_load((INFRA / "alertmanager/alertmanager.yml").read_text())
    for receiver in config["receivers"]:
        for hook in receiver["webhook_configs"]:
            file = system.folder / pathlib.Path(hook["url_file"]).name
            file.write_text(f"http://{system.address['receiver']}:9999/{file.name}")
            hook["url_file"] = str(file)
    route = config["route"]
    for one in [route, *route["routes"]]:
        one.update(group_wait="1s", group_interval="2s")
    file = system.folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    return file


def watch(system):
    """Prometheus, Alertmanager and the node exporter with the files of infra/."""
    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path in system.refused:
                self.send_response(503)
                self.end_headers()
                return
            told = json.loads(body)["alerts"] if self.path != REFUSED else []
            for alert in told:
                system.received.append((self.path, alert["labels"]["alertname"],
                                        alert["labels"].get("service"), alert["status"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    system.receiver = http.server.ThreadingHTTPServer((system.address["receiver"], 9999), Hook)
    threading.Thread(target=system.receiver.serve_forever, daemon=True).start()
    at = system.address
    system.start("node", ["prometheus-node-exporter",
                          f"--web.listen-address={at['node']}:9100"])
    system.start("alertmanager", [
        "alertmanager", f"--config.file={alertmanager_config(system)}",
        f"--storage.path={system.folder}/alertmanager", "--cluster.listen-address=",
        f"--web.listen-address={at['alertmanager']}:9093"])
    system.start("prometheus", [
        "prometheus", f"--config.file={prometheus_config(system)}",
        f"--storage.tsdb.path={system.folder}/prometheus",
        # What it tells before it has found Alertmanager is told again after so long.
        "--rules.alert.resend-delay=5s",
        f"--web.listen-address={at['prometheus']}:9090"])
    for name, port in (("alertmanager", 9093), ("prometheus", 9090)):
        ready = f"http://{at[name]}:{port}/-/ready"
        until(30, f"{name} is ready", lambda name=name, ready=ready: system.alive(name)
              and answers(ready))

    down = {}

    def targets():
        found = ask(system, "targets", state="active")["activeTargets"]
        down.clear()
        down.update({t["scrapeUrl"]: t["lastError"] for t in found if t["health"] != "up"})
        return [t["labels"]["service"] for t in found] if not down else None
    try:
        up = until(60, "all targets are up", targets)
    except Failed as failed:
        raise Failed(f"{failed}: {down}") from failed
    groups = ask(system, "rules")["groups"]
    sick = [r for g in groups for r in g["rules"] if r["health"] == "err"]
    if sick:
        raise Failed("\n".join(f"{r['name']}: {r['lastError']}" for r in sick))
    return f"{len(up)} targets up, {sum(len(g['rules']) for g in groups)} rules loaded"


def doors(system):
    """Events by the gateway, numbers by the api, with a token and without one."""
    gateway = f"http://{system.address['gateway']}:4318"
    api = f"http://{system.address['api']}:9347"
    base = {"PATH": os.environ["PATH"], "WEIR_DATA_DIR": str(system.folder)}
    brokers = system.service("gateway")[1]["WEIR_BROKERS"]
    made = run(binary(), "token", "create", "--tenant", "acme", "--scope", "write,read",
               env={**base, "WEIR_BROKERS": brokers})
    token = system.token = made.splitlines()[-1]
    sent = {**base, "WEIR_URL": gateway, "WEIR_TOKEN": token}
    for _ in range(3):
        run(binary(), "emit", "llm.call", "engineer.email=ada@example.com", "provider=p", "model=m",
            "tokens_input=1200", "success=true", env=sent)
    closed(f"{api}/v1/alerts")
    closed(f"{gateway}/v1/events", b"[]", {"Content-Type": "application/json"})
    headers = {"Authorization": f"Bearer {token}"}

    def told(path):
        return json.loads(get(api + path, headers=headers))["data"]
    alerts = until(60, "the api has alerts", lambda: told("/v1/alerts"))
    return f"{len(alerts)} alerts and more by the api"


def closed(url, data=None, headers=None):
    """Nothing is told or taken without a token."""
    try:
        get(url, data, headers)
    except Failed as failed:
        if "answers 401" in str(failed):
            return
        raise
    raise Failed(f"{url} is open")


def people(system):
    """Alerts of the catalog come by notify and Alertmanager; a receiver that refuses is told of."""
    def catalog():
        return {alert for path, alert, *_ in system.received
                if not alert.startswith("Weir") and path in ("/page-url", "/chat-url")}
    until(60, "an alert of the catalog is told", catalog)
    until(90, "the receiver that refuses is told of", lambda: (*DEAD, "firing") in system.received)
    # The runbook: mend the receiver. The last step sees the alert end.
    system.refused.clear()
    return f"{', '.join(sorted(catalog()))}; {DEAD[1]}"


def senders(system):
    """A sender whose events do not fit, and one that nobody has declared, are told of."""
    gateway = f"http://{system.address['gateway']}:4318"
    headers = {"Authorization": f"Bearer {system.token}", "Content-Type": "application/json"}
    unfit = json.dumps([{"type": "llm.call", "tokens_input": "many"}] * 200).encode()
    record = {"timeUnixNano": str(time.time_ns()), "eventName": "nobody.knows",
              "attributes": [{"key": "k", "value": {"stringValue": "v"}}]}
    unknown = json.dumps({"resourceLogs": [{"scopeLogs": [
        {"scope": {"name": "nobody"}, "logRecords": [record]}]}]}).encode()
    wanted = {"WeirEventsRefused", "WeirOtlpUnmapped"}

    def refused():
        try:
            get(f"{gateway}/v1/events", unfit, headers)
        except Failed as failed:
            if "answers 4" not in str(failed):
                raise

    def fires(status):
        return {a for path, a, _, s in system.received if path == "/chat-url" and s == status}

    def told():
        # As senders do who are not mended.
        refused()
        get(f"{gateway}/v1/logs", unknown, headers)
        return wanted <= fires("firing")
    until(60, f"{', '.join(wanted)} are told", told)
    # The runbook: the sources and their codes; the senders are mended.
    base = {"PATH": os.environ["PATH"], "WEIR_DATA_DIR": str(system.folder)}
    sources = run(binary(), "sources", "--tenant", "acme", "--json", env={
        **base, "WEIR_BROKERS": system.service("gateway")[1]["WEIR_BROKERS"],
        "WEIR_CLICKHOUSE": f"http://{system.address['clickhouse']}:8123",
        "WEIR_CLICKHOUSE_PASSWORD": system.password})
    if "nobody" not in sources:
        raise Failed(f"weir sources does not name the sender:\n{sources}")
    until(90, f"{', '.join(wanted)} end", lambda: wanted <= fires("resolved"))
    return ", ".join(sorted(wanted))


def ask(system, path, **parameters):
    """What Prometheus' interface says."""
    base = f"http://{system.address['prometheus']}:9090/api/v1/{path}"
    return json.loads(get(f"{base}?{urllib.parse.urlencode(parameters)}"))["data"]


def described(system):
    """Running services have the metrics that the binary describes: help, kind, labels."""
    known = {m["name"]: m for m in json.loads(run(binary(), "probe", "--describe", "--json"))}
    seen, wrong = {}, []
    for name in WEIR:
        text = get(f"http://{system.address[name]}:9464/metrics")
        helps = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.M))
        for metric, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M):
            labels, kinds, said = seen.setdefault(metric, (set(), set(), set()))
            series = re.findall(rf"^{metric}(?:_bucket|_sum|_count)?(?:{{(.*)}})? ", text, re.M)
            labels.update(l for one in series for l in re.findall(r'(\w+)="', one) if l != "le")
            kinds.add(kind)
            said.add(helps.get(metric))
    for metric, found in sorted(seen.items()):
        one = known.get(metric)
        if not one:
            wrong.append(f"{metric} is described nowhere")
        elif found != (set(one["labels"]), {one["kind"]}, {one["help"]}):
            wrong.append(f"{metric} is {found}, described as {one}")
    if wrong:
        raise Failed("\n".join(wrong))
    return f"{len(seen)} of {len(known)} metrics seen, as they are described"


def promql(system):
    """Every PromQL of the dashboards gives something."""
    asked = [(w, q.replace("$service", ".*")) for w, q in static.queries("expr")]

    def empty():
        return [w for w, q in asked if not ask(system, "query", query=q)["result"]]
    missing = empty()
    end = time.monotonic() + 60
    while missing and time.monotonic() < end:
        time.sleep(3)
        missing = empty()
    if missing:
        raise Failed("empty:\n" + "\n".join(missing))
    sick = [r for g in ask(system, "rules")["groups"] for r in g["rules"] if r["health"] == "err"]
    if sick:
        raise Failed("\n".join(f"{r['name']}: {r['lastError']}" for r in sick))
    return f"{len(asked)} queries, none empty"


def select(system, text):
    """Rows of a question to the store, as the dashboards' user asks."""
    text = text.replace("${tenant}", "acme")
    span = r"\1 >= now() - INTERVAL 30 DAY AND \1 <= now()"
    text = re.sub(r"\$__timeFilter\((\w+)\)", span, text)
    if "$__" in text:
        raise Failed(f"a macro that is not known here: {text}")
    headers = {"X-ClickHouse-User": "weir", "X-ClickHouse-Key": system.password}
    url = f"http://{system.address['clickhouse']}:8123/?database=weir&readonly=1"
    return json.loads(get(url, (text + " FORMAT JSON").encode(), headers))


def questions(system):
    """Every SQL of the dashboards gives rows, once what was published has arrived."""
    asked = list(static.queries("rawSql"))
    boards = dict(static.dashboards())
    for name, board in boards.items():
        for variable in board["templating"]["list"]:
            if isinstance(variable["query"], str):
                asked.append((f"{name}: ${variable['name']}", variable["query"]))
    end = time.monotonic() + 120
    while True:
        missing, wrong = [], []
        for where, text in asked:
            try:
                if not select(system, text)["data"]:
                    missing.append(where)
            except Failed as failed:
                wrong.append(f"{where}: {failed}")
        if not missing and not wrong:
            return f"{len(asked)} queries, none empty"
        if time.monotonic() > end:
            raise Failed("\n".join(["failed or empty:", *wrong, *missing]))
        time.sleep(3)


def fault(system):
    """A service and the store stand still: both alerts call somebody, and end with the cause."""
    begun, said = time.monotonic(), []

    def told(status, alert, service):
        paths = ("/page-url", "/chat-url")
        return any((path, alert, service, status) in system.received for path in paths)
    for victim, alert, service in FAULTS:
        if told("firing", alert, service):
            raise Failed(f"{alert} fired before the fault")
    victims = {victim for victim, *_ in FAULTS}
    for victim in victims:
        system.children[victim].send_signal(signal.SIGSTOP)
    try:
        for victim, alert, service in FAULTS:
            until(240, f"{alert} of {service} reaches people",
                  lambda alert=alert, service=service: told("firing", alert, service))
            said.append(f"{alert} after {time.monotonic() - begun:.0f} s")
    finally:
        for victim in victims:
            system.children[victim].send_signal(signal.SIGCONT)
    for _, alert, service in FAULTS:
        until(120, f"{alert} of {service} resolves",
              lambda alert=alert, service=service: told("resolved", alert, service))
    until(120, f"{DEAD[1]} resolves", lambda: (*DEAD, "resolved") in system.received)
    for name in WEIR:
        until(60, f"{name} is healthy again", lambda name=name: system.healthy(name))
    until(30, "the watchdog is heard",
          lambda: any(path == "/watchdog-url" for path, *_ in system.received))
    return f"{', '.join(said)}, resolved after {time.monotonic() - begun:.0f} s"


STEPS = {
    "live: Kafka": kafka,
    "live: ClickHouse": clickhouse,
    "live: services": services,
    "live: Prometheus, Alertmanager": watch,
    "live: demo": demo,
    "live: gateway, api": doors,
    "live: notify": people,
    "live: senders": senders,
    "live: metrics are described": described,
    "live: SQL of dashboards": questions,
    "live: PromQL of dashboards": promql,
    "live: faults, alerts, recovery": fault,
}


# Nothing stands on these.
INDEPENDENT = {n for n in STEPS if "dashboards" in n or "described" in n}


def programs():
    """What the live test starts."""
    needs("prometheus", "prometheus-node-exporter", "alertmanager")


def checks(table):
    """All steps, up to one that fails and others stand on."""
    if table.check("programs", programs) is None:
        return
    system = System()
    try:
        for name, step in STEPS.items():
            if not table.check(name, step, system) and name not in INDEPENDENT:
                break
    finally:
        system.close()

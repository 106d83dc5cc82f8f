"""Checks that start nothing: compose file, image, rules, routes, dashboards, runbooks."""

import json
import re
import tempfile
import pathlib

import yaml

from common import INFRA, ROOT, Failed, binary, run

RULES = sorted((INFRA / "prometheus/rules").glob("*.yaml"))
# What the files of the image's last stage may weigh.
IMAGE_LIMIT = 80 << 20


def compose():
    """The compose file as Docker Compose resolves it."""
    return json.loads(run("weir-compose", "docker-compose.yml", ".env.example"))


def check_compose():
    project = compose()
    services = project["services"]
    for name, one in services.items():
        for key in ("logging", "healthcheck"):
            if key not in one:
                raise Failed(f"{name} has no {key}")
        if "limits" not in one.get("deploy", {}).get("resources", {}):
            raise Failed(f"{name} has no limits of resources")
        for port in one.get("ports", []):
            if port.get("host_ip") != "127.0.0.1":
                raise Failed(f"{name} publishes a port beyond the loopback interface")
    ours = [n for n, s in services.items() if s["image"].startswith("weir:")]
    for name in ours:
        one = services[name]
        if not one.get("read_only") or one.get("user") in (None, "0", "root"):
            raise Failed(f"{name} can write to its image, or is root")
    return f"{len(services)} services, {len(ours)} of them weir's"


def alerts():
    """Name and labels of every alert."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield rule


def check_rules():
    run("promtool", "check", "config", "infra/prometheus/prometheus.yml")
    run("promtool", "check", "rules", *RULES)
    check_discovery()
    known = exported()
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                unknown(rule["expr"], known, rule.get("alert") or rule["record"])
    return f"{sum(1 for _ in alerts())} alerts"


def check_discovery():
    """The job for Kubernetes, whose discovery Debian's promtool is built without."""
    config = yaml.safe_load((INFRA / "prometheus/kubernetes.yml").read_text())
    for job in config["scrape_configs"]:
        if job.pop("kubernetes_sd_configs") != [{"role": "pod"}]:
            raise Failed("kubernetes.yml looks for something else than pods")
        job["static_configs"] = [{"targets": ["pod:9464"]}]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump(config, file)
        file.flush()
        run("promtool", "check", "config", file.name)


def exported():
    """Names of metrics that the sources declare."""
    names = set()
    for path in [*ROOT.glob("crates/*/src/**/*.rs"), *ROOT.glob("services/*/src/**/*.rs")]:
        names.update(re.findall(r'pub const \w+: &str = "(weir_\w+)";', path.read_text()))
    return names


def unknown(expr, known, where):
    """Fails on a metric of weir's that no service has."""
    for name in re.findall(r"\bweir_\w+", expr):
        if re.sub(r"_(bucket|sum|count)$", "", name) not in known and name not in known:
            raise Failed(f"{where}: no service has the metric {name}")


def check_rule_tests():
    tests = sorted((INFRA / "prometheus/tests").glob("*.yaml"))
    run("promtool", "test", "rules", *tests)
    text = "".join(t.read_text() for t in tests)
    untested = [a["alert"] for a in alerts() if f'alertname=\\"{a["alert"]}\\"' not in text
                and f'alertname="{a["alert"]}"' not in text]
    if untested:
        raise Failed(f"no unit test for {', '.join(untested)}")
    return f"{text.count('input_series:')} cases, every alert has one"


def check_runbooks():
    text = (ROOT / "docs/operations.md").read_text()
    headings = {h.strip() for h in re.findall(r"^### (.+)$", text, re.M)}
    for alert in alerts():
        name = alert["alert"]
        if name not in headings:
            raise Failed(f"docs/operations.md has no runbook `### {name}`")
        if alert["annotations"]["runbook"] != f"docs/operations.md#{name.lower()}":
            raise Failed(f"{name} points to another runbook")
    gone = {h for h in headings if h.startswith("Weir")} - {a["alert"] for a in alerts()}
    if gone:
        raise Failed(f"runbooks without an alert: {', '.join(sorted(gone))}")
    missing = sorted(m for m in exported() if f"`{m}`" not in text)
    if missing:
        raise Failed(f"docs/operations.md says nothing of {', '.join(missing)}")
    return f"{len(list(alerts()))} runbooks, {len(exported())} metrics"


ROUTES = [
    ("page", ["severity=p1", "alertname=WeirServiceDown", "service=sink"]),
    ("chat", ["severity=p2", "alertname=WeirLagGrowing", "service=sink"]),
    ("watchdog", ["severity=none", "alertname=WeirWatchdog"]),
    ("page", ["priority=P1", "alertname=agent_runs_away", "severity=critical"]),
    ("chat", ["priority=P2", "alertname=team_over_limit", "severity=high"]),
]


def check_routes():
    config = "infra/alertmanager/alertmanager.yml"
    run("amtool", "check-config", config)
    for receiver, labels in ROUTES:
        run("amtool", "config", "routes", "test", f"--config.file={config}",
            f"--verify.receivers={receiver}", *labels)
    return ", ".join(f"{labels[0]} to {receiver}" for receiver, labels in ROUTES)


def check_image():
    run("hadolint", "Dockerfile")
    return "hadolint has nothing to say"


def found(pattern, path):
    """What a file says in one place."""
    text = (ROOT / path).read_text()
    match = re.search(pattern, text, re.M)
    if not match:
        raise Failed(f"{path} does not say {pattern}")
    return match[1]


def check_versions():
    """What several files have to say is the same in all of them."""
    weir = found(r'^version = "(.+)"', "Cargo.toml")
    rust = found(r'^channel = "(.+)"', "rust-toolchain.toml")
    said = {
        "Dockerfile": found(r"^ARG VERSION=(.+)", "Dockerfile"),
        "Chart.yaml": found(r"^appVersion: (.+)", "infra/helm/weir/Chart.yaml"),
        "docker-compose.yml": found(r"WEIR_VERSION:-([^}]+)", "docker-compose.yml"),
    }
    others = [name for name, version in said.items() if version != weir]
    if found(r"^ARG RUST_VERSION=(.+)", "Dockerfile") != rust:
        others.append("the compiler of Dockerfile")
    if others:
        raise Failed(f"not {weir} or {rust}: {', '.join(others)}")
    kafka = found(r"<version>(.+)</version>", "infra/kafka/pom.xml")
    if found(r"image: apache/kafka:(\S+)", "docker-compose.yml") != kafka:
        raise Failed(f"docker-compose.yml has another Kafka than {kafka}")
    store = found(r'COMPATIBILITY: &str = "(.+)"', "crates/store/src/client.rs")
    if found(r"image: clickhouse/clickhouse-server:(\S+)", "docker-compose.yml") != store:
        raise Failed(f"docker-compose.yml has another ClickHouse than {store}")
    return f"weir {weir}, Rust {rust}, Kafka {kafka}, ClickHouse {store}"


def check_image_size():
    """The stripped binary and zlib: what the last stage copies."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "weir"
        run("strip", "-s", "-o", stripped, binary())
        zlib = re.search(r"libz\.so\.1 => (\S+)", run("ldd", binary()))
        files = [stripped] + ([pathlib.Path(zlib[1])] if zlib else [])
        total = sum(f.resolve().stat().st_size for f in files)
    said = f"{total / 1e6:.1f} MB ({binary().parent.name} build)"
    if total > IMAGE_LIMIT:
        raise Failed(f"{said}: more than {IMAGE_LIMIT >> 20} MiB")
    return said


def dashboards():
    """Every dashboard by its file's name."""
    for path in sorted((INFRA / "grafana/dashboards").glob("*.json")):
        yield path.stem, json.loads(path.read_text())


def queries(kind):
    """Where a query stands, and the query, over all dashboards."""
    for name, board in dashboards():
        for panel in board["panels"]:
            for target in panel["targets"]:
                if kind in target:
                    yield f"{name}: {panel['title']}", target[kind]


def check_dashboards():
    run("python3", INFRA / "grafana/dashboards.py", "--check")
    known, seen, parsed = exported(), set(), 0
    groups = []
    for name, board in dashboards():
        if board["uid"] in seen:
            raise Failed(f"{name} has the id of another")
        seen.add(board["uid"])
    for where, expr in queries("expr"):
        unknown(expr, known, where)
        groups.append({"record": f"check:{len(groups)}", "expr": expr.replace("$service", ".*")})
        parsed += 1
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboards", "rules": groups}]}, file)
        file.flush()
        run("promtool", "check", "rules", file.name)
    return f"{len(seen)} dashboards, {parsed} PromQL, {len(list(queries('rawSql')))} SQL"


CHECKS = {
    "compose file": check_compose,
    "image: hadolint": check_image,
    "image: size": check_image_size,
    "versions": check_versions,
    "rules": check_rules,
    "rules: unit tests": check_rule_tests,
    "routes of alerts": check_routes,
    "dashboards": check_dashboards,
    "runbooks and metrics": check_runbooks,
}

"""Checks of the Helm chart, without a cluster."""

import json
import pathlib
import re
import tempfile

import yaml

from common import INFRA, Failed, binary, run

CHART = INFRA / "helm/weir"
# A variant is the values that are laid over the chart's own.
VARIANTS = {"defaults": [], "everything on": ["-f", CHART / "ci/all-values.yaml"]}
# What the schema of values must refuse.
REFUSED = [
    "kafka.bootstrapp=x",
    "kafka.bootstrap=without-port",
    "clickhouse.url=http://user:secret@host:8123",
    "stages.combine.replicas=many",
    "kafka.secretProperties.sasl_password=key",
    "notify.enabled=true",
    "api.replicas=many",
]


def render(values):
    """The objects of the chart, by kind and name."""
    text = run("helm", "template", "weir", CHART, "--namespace", "weir", *values)
    objects = [o for o in yaml.safe_load_all(text) if o]
    return text, {(o["kind"], o["metadata"]["name"]): o for o in objects}


def check_render():
    said = []
    run("helm", "lint", "--strict", CHART)
    for name, values in VARIANTS.items():
        text, objects = render(values)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            run("kubernetes-validate", "--strict", "--quiet", file.name)
        consistent(objects)
        said.append(f"{name}: {len(objects)} objects")
    return ", ".join(said)


def consistent(objects):
    """What a schema does not see: each reference has its object, each pod is closed."""
    pods = {k: o for k, o in objects.items() if k[0] in ("StatefulSet", "Deployment")}
    for (kind, name), one in pods.items():
        spec = one["spec"]["template"]["spec"]
        labels = one["spec"]["template"]["metadata"]["labels"]
        wanted = one["spec"]["selector"]["matchLabels"].items()
        if not wanted <= labels.items():
            raise Failed(f"{name}: its selector does not find its pods")
        if kind == "StatefulSet" and ("Service", one["spec"]["serviceName"]) not in objects:
            raise Failed(f"{name}: its service is missing")
        for volume in spec["volumes"]:
            for part in [volume, *volume.get("projected", {}).get("sources", [])]:
                config = part.get("configMap", {}).get("name")
                if config and ("ConfigMap", config) not in objects:
                    raise Failed(f"{name}: the ConfigMap {config} is missing")
        container, pod = spec["containers"][0], spec["securityContext"]
        if not pod["runAsNonRoot"] or not container["securityContext"]["readOnlyRootFilesystem"]:
            raise Failed(f"{name}: its pod is open")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe not in container:
                raise Failed(f"{name} has no {probe}")
        if ("PodDisruptionBudget", name) not in objects:
            raise Failed(f"{name} has no PodDisruptionBudget")
    for (kind, name), one in objects.items():
        if kind == "Service":
            reached(name, one["spec"], pods.values())
        if kind == "HorizontalPodAutoscaler":
            target = one["spec"]["scaleTargetRef"]
            if "replicas" in pods[(target["kind"], target["name"])]["spec"]:
                raise Failed(f"{name}: replicas are said twice")


def reached(name, service, pods):
    """A service has pods, and they have its ports."""
    for pod in (p["spec"]["template"] for p in pods):
        if service["selector"].items() <= pod["metadata"]["labels"].items():
            ports = {p["name"] for p in pod["spec"]["containers"][0]["ports"]}
            missing = {p["targetPort"] for p in service["ports"]} - ports
            if missing:
                raise Failed(f"{name}: its pods have no port {missing}")
            return
    raise Failed(f"{name}: the service finds no pod")


def check_schema():
    for wrong in REFUSED:
        try:
            run("helm", "template", "weir", CHART, "--set", wrong)
        except Failed:
            continue
        raise Failed(f"the chart takes {wrong}")
    return f"{len(REFUSED)} wrong values are refused"


def check_config():
    """The binary takes the configuration and the variables that the chart gives it."""
    taken = set()
    for values in VARIANTS.values():
        _, objects = render(values)
        for (kind, name), one in objects.items():
            if kind in ("StatefulSet", "Deployment"):
                takes(name, one["spec"]["template"]["spec"], objects)
                taken.add(name)
    return f"{len(taken)} services take file and secrets"


def takes(name, pod, objects):
    """One service says the configuration that it was given."""
    container = pod["containers"][0]
    text = objects[("ConfigMap", "weir-config")]["data"]["weir.yaml"]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "weir.yaml"
        file.write_text(text)
        args = [a.replace("/etc/weir/weir.yaml", str(file)).replace("$(POD_NAME)", "p-0")
                for a in container["args"]]
        secrets = {e["name"]: "4711" for e in container["env"] if e["name"] != "POD_NAME"}
        config = json.loads(run(binary(), *args, "--dump-config", env=secrets))
        if any("projected" in v for v in pod["volumes"]):
            routes(pathlib.Path(folder), objects)
    if "4711" in json.dumps(config):
        raise Failed(f"{name} shows a secret")
    wanted = yaml.safe_load(text)
    for service in ("processor", "sink", "gateway", "api", "notify"):
        if config[service]["kafka"]["bootstrap"] != wanted[service]["kafka"]["bootstrap"]:
            raise Failed(f"{name}: the brokers of {service} do not arrive")
    for variable in secrets:
        keys = variable.removeprefix("WEIR__").lower().split("__")
        # Those of all clients arrive at each.
        for path in [keys, *([s, *keys] for s in ("processor", "sink", "gateway", "api", "notify")
                             if keys[0] == "kafka")]:
            found = config
            for key in path:
                found = found[key]
            if set(found) != {"*"}:
                raise Failed(f"{name}: {variable} does not arrive at {'.'.join(path)}")


def routes(folder, objects):
    """The file of notify, and the secrets that it names beside it."""
    file = folder / "notify.yaml"
    file.write_text(objects[("ConfigMap", "weir-notify")]["data"]["notify.yaml"])
    for secret in re.findall(r"_file: ([\w.-]+)", file.read_text()):
        (folder / secret).write_text("4711")
    run(binary(), "notify", "--check", file)


CHECKS = {
    "chart: rendered, against schemas": check_render,
    "chart: schema of values": check_schema,
    "chart: configuration is taken": check_config,
}

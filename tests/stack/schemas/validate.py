"""Validates the Kubernetes manifests and the dashboard against the schemas that their projects publish.

usage: validate.py    in an environment with requirements.txt; needs a Go toolchain, which fetches the schemas of the CRDs
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

KUBERNETES = "1.32"
CHART = "kubernetes/chart"
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.80.1"
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.5.0"

# What the SDK's types leave out, and Grafana reads.
BEYOND_THE_SDK = {
    "definition": "a query variable's text, which its editor shows",
    "titleFormat": "of annotations from Prometheus",
    "useValueForTime": "of annotations from Prometheus",
}


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def custom_schemas():
    """Returns the schema of each custom resource by its kind, as the operator's own release has them."""
    found = subprocess.run(["go", "mod", "download", "-json", OPERATOR], check=True, capture_output=True, text=True, cwd="/")
    folder = json.loads(found.stdout)["Dir"]
    schemas = {}
    for name in ("podmonitors", "prometheusrules"):
        path = f"{folder}/example/prometheus-operator-crd/monitoring.coreos.com_{name}.yaml"
        with open(path, encoding="utf-8") as file:
            spec = yaml.safe_load(file)["spec"]
        (version,) = (version for version in spec["versions"] if version["name"] == "v1")
        schemas[spec["names"]["kind"]] = strict(version["schema"]["openAPIV3Schema"], top=True)
    return schemas


def strict(schema, top=False):
    """Returns the schema with unknown fields forbidden: the API server drops them silently. Metadata have no schema here."""
    schema = dict(schema)
    for key, value in schema.items():
        if key == "properties":
            schema[key] = {name: strict(one) for name, one in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            schema[key] = strict(value)
    if "properties" in schema and (top or schema["properties"]):
        schema.setdefault("additionalProperties", False)
    return schema


def kustomized(folder):
    """Returns what `kubectl apply -k` would apply. An old kubectl has a kustomize that knows no components."""
    new = shutil.which("kubectl") and "--load-restrictor" in subprocess.run(["kubectl", "kustomize", "--help"], capture_output=True, text=True).stdout
    command = ["kubectl", "kustomize", folder] if new else ["go", "run", KUSTOMIZE, "build", folder]
    return documents(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def named(objects, kind, name):
    (one,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name)
    return one


def moved(objects):
    """Everything of the overlay for another namespace is there, and looks there."""
    assert named(objects, "Namespace", "shop")
    for one in objects:
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "shop", one
        assert one["kind"] != "PodMonitor" or "namespaceSelector" not in one["spec"], one
    (account,) = named(objects, "RoleBinding", "dubbo-pod-discovery")["subjects"]
    assert account["namespace"] == "monitoring", account


def released(objects):
    """Everything that the chart's Prometheus selects by the label of the release has it; no Role is left."""
    for one in objects:
        assert one["metadata"]["labels"]["release"] == "kube-prometheus-stack", one
        assert one["kind"] not in ("Role", "RoleBinding"), one


def ensemble(objects):
    """Three servers know each other by the names of their pods."""
    spec = named(objects, "StatefulSet", "zookeeper")["spec"]
    peers = named(objects, "Service", spec["serviceName"])["metadata"]["name"]
    (container,) = spec["template"]["spec"]["containers"]
    servers = {one["name"]: one.get("value") for one in container["env"]}["ZOO_SERVERS"]
    first = spec["ordinals"]["start"]
    numbers = range(first, first + spec["replicas"])
    assert servers.split() == [f"server.{n}=zookeeper-{n}.{peers}:2888:3888;2181" for n in numbers], servers
    assert len(container["volumeMounts"]) == 2 and len(container["ports"]) == 4, container


def scaled(objects):
    """The autoscaler alone decides the number of providers."""
    scaler = named(objects, "HorizontalPodAutoscaler", "dubbo-server")["spec"]
    target = named(objects, scaler["scaleTargetRef"]["kind"], scaler["scaleTargetRef"]["name"])
    assert "replicas" not in target["spec"], target
    with open("kubernetes/components/autoscaling/prometheus-adapter-values.yaml", encoding="utf-8") as file:
        (rule,) = yaml.safe_load(file)["rules"]["external"]
    (metric,) = scaler["metrics"]
    assert metric["external"]["metric"]["name"] == rule["name"]["as"], metric
    (recorded,) = re.findall(r'__name__="([^"]+)"', rule["seriesQuery"])
    groups = named(objects, "PrometheusRule", "dubbo-rules")["spec"]["groups"]
    found = [one for group in groups for one in group["rules"] if one.get("record") == recorded]
    assert any(one["labels"]["side"] == "provider" for one in found), f"{recorded} is not recorded"


def encrypted(objects):
    """Each side finds its certificate, key and authority where its Secret is mounted, and Prometheus asks over https."""
    for name, authority in (("dubbo-server", "TLS_CLIENT_CA"), ("dubbo-client", "TLS_CA")):
        pod = named(objects, "Deployment", name)["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        (mount,), (volume,) = container["volumeMounts"], pod["volumes"]
        assert mount["name"] == volume["name"] and volume["secret"]["secretName"] == f"{name}-tls", pod
        variables = {one["name"]: one.get("value") for one in container["env"]}
        for variable, key in (("TLS_CERT", "tls.crt"), ("TLS_KEY", "tls.key"), (authority, "ca.crt"), ("METRICS_TLS_CERT", "tls.crt"), ("METRICS_TLS_KEY", "tls.key")):
            assert variables[variable] == f"{mount['mountPath']}/{key}", variables
    (endpoint,) = named(objects, "PodMonitor", "dubbo-pod-monitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["scheme"] == "https" and endpoint["tlsConfig"]["ca"]["secret"]["name"] == "dubbo-server-tls", endpoint
    (port,) = named(objects, "Service", "dubbo-server")["spec"]["ports"]
    assert port["appProtocol"] == "https", port


# What each overlay promises besides valid objects.
OVERLAYS = {
    "kubernetes": None,
    "kubernetes/overlays/kube-prometheus": None,
    "kubernetes/overlays/helm": released,
    "kubernetes/overlays/push": None,
    "kubernetes/overlays/zookeeper-ensemble": ensemble,
    "kubernetes/overlays/another-namespace": moved,
    "kubernetes/overlays/autoscaling": scaled,
    "kubernetes/overlays/tls": encrypted,
}


def helm(*arguments):
    """Runs Helm, which is built once."""
    folder = os.path.abspath(f"target/tools/helm-{HELM.rpartition('@')[2]}")
    if not os.path.exists(f"{folder}/helm"):
        subprocess.run(["go", "install", "-trimpath", HELM], check=True, env={**os.environ, "GOBIN": folder}, cwd="/")
    return subprocess.run([f"{folder}/helm", *arguments], capture_output=True, text=True)


def rendered(namespace, *values):
    """Returns the objects of the chart with some values."""
    settings = [part for value in values for part in ("--set", value)]
    result = helm("template", "dubbo", CHART, "--kube-version", KUBERNETES, "--namespace", namespace, *settings)
    assert result.returncode == 0, result.stderr
    return documents(result.stdout)


def identified(objects, *without):
    """Returns objects by their kinds and names, each of which is there once."""
    kept = [one for one in objects if one["kind"] not in without]
    by_name = {f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}": one for one in kept}
    assert len(by_name) == len(kept), [one["metadata"] for one in kept]
    return by_name


def same(objects, others):
    different = [name for name in objects.keys() | others.keys() if objects.get(name) != others.get(name)]
    assert not different, f"the chart and the overlay differ: {different}"


def chart():
    """The chart makes what the overlays make, and its values reach what they should. Returns the objects of each rendering."""
    lint = helm("lint", "--strict", "--kube-version", KUBERNETES, CHART)
    assert lint.returncode == 0, lint.stdout + lint.stderr
    account = "prometheus.serviceAccount=prometheus-k8s"
    plain = rendered("dubbo-system", account)
    same(identified(plain), identified(kustomized("kubernetes/overlays/kube-prometheus"), "Namespace"))
    push = rendered("dubbo-system", account, "pushgateway.enabled=true")
    same(identified(push), identified(kustomized("kubernetes/overlays/push"), "Namespace"))
    stack = rendered("dubbo-system")
    same(identified(stack), identified(plain, "Role", "RoleBinding"))
    scaling = rendered("dubbo-system", account, "autoscaling.enabled=true")
    same(identified(scaling), identified(kustomized("kubernetes/overlays/autoscaling"), "Namespace"))
    return {"kube-prometheus": plain, "autoscaling": scaling, "push": push, "kube-prometheus-stack": stack, "other values": adapted()}


def adapted():
    """Every value reaches its objects; nothing is left of what it replaces."""
    objects = rendered(
        "shop", "prometheus.namespace=observability", "prometheus.release=prom", "prometheus.serviceAccount=reader",
        "zookeeper.enabled=false", r"zookeeper.address=zk-1:2181\,zk-2:2181/dubbo", "client.enabled=false", "rules=false", "dashboard=false",
        "server.replicas=4", "server.image=registry.example.com/server:1", "server.env.DELAY=20ms", "server.env.PUSH=true",
        "server.resources.limits.memory=1Gi", "pushgateway.enabled=true", "cleaner.env.PGW_CLEANER_TTL=1h",
    )  # fmt: skip
    text = json.dumps(objects)
    for old in ("dubbo-system", '"monitoring"', "kube-prometheus-stack", "prometheus-k8s", "dubbo-client", "zookeeper:2181"):
        assert old not in text, f"{old} is left"
    assert {one["kind"] for one in objects} & {"StatefulSet", "PrometheusRule", "ConfigMap"} == set(), objects
    assert {one["metadata"]["namespace"] for one in objects} == {"shop", "observability"}
    spec = named(objects, "Deployment", "dubbo-server")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert len(variables) == len(container["env"]), container["env"]
    assert (spec["replicas"], container["image"]) == (4, "registry.example.com/server:1"), spec
    assert variables["ZK_ADDRESS"] == "zk-1:2181,zk-2:2181/dubbo", variables
    assert (variables["DELAY"], variables["PUSH"]) == ("20ms", "true"), variables
    assert "DUBBO_IP_TO_REGISTRY" in variables, variables
    assert container["resources"] == {"limits": {"memory": "1Gi"}}, container
    (cleaner,) = named(objects, "Deployment", "pgw-cleaner")["spec"]["template"]["spec"]["containers"]
    assert {"name": "PGW_CLEANER_TTL", "value": "1h"} in cleaner["env"], cleaner
    assert {"name": "PUSHGATEWAY_URL", "value": "pushgateway.observability:9091"} in cleaner["env"], cleaner
    misspelt = helm("template", "dubbo", CHART, "--kube-version", KUBERNETES, "--set", "server.replica=3")
    assert misspelt.returncode != 0 and "replica" in misspelt.stderr, misspelt
    return objects


def kubernetes():
    schemas = custom_schemas()
    found = {folder.rstrip("/") for folder in glob.glob("kubernetes/overlays/*/")} | {"kubernetes"}
    assert found == set(OVERLAYS), f"overlays that are not checked, or not there: {found ^ set(OVERLAYS)}"
    groups = {}
    for path in sorted(glob.glob("kubernetes/*.yaml") + glob.glob("kubernetes/examples/*.yaml")):
        with open(path, encoding="utf-8") as file:
            groups[path] = documents(file)
    for folder, promise in OVERLAYS.items():
        groups[f"apply -k {folder}"] = applied = kustomized(folder)
        if promise:
            promise(applied)
    for name, objects in chart().items():
        groups[f"{CHART} with the values of {name}"] = objects
    for path, objects in groups.items():
        for one in objects:
            name = f"{path}: {one['kind']} {one['metadata']['name']}"
            if one["kind"] in schemas:
                jsonschema.Draft7Validator(schemas[one["kind"]]).validate(one)
            else:
                kubernetes_validate.validate(one, KUBERNETES, strict=True)
            print("ok:", name)


def lost(before, after, where=""):
    """Yields what the SDK's types do not carry from one text to the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{where}/{key}")
            elif key not in BEYOND_THE_SDK:
                yield f"{where}/{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{where}/{index}")
    elif before != after:
        yield f"{where}: {before!r} becomes {after!r}"


def dashboard():
    plugins.register_default_plugins()
    with open("grafana.json", encoding="utf-8") as file:
        before = json.load(file)
    after = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))
    unknown = list(lost(before, after))
    if unknown:
        sys.exit("grafana.json has what Grafana's types do not know:\n" + "\n".join(unknown))
    print("ok: grafana.json")


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
    dashboard()
    kubernetes()

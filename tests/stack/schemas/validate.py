"""Validates the Kubernetes manifests and the dashboard against the schemas that their projects publish.

usage: validate.py    in an environment with requirements.txt; needs a Go toolchain, which fetches the schemas of the CRDs
"""

import glob
import json
import os
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
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.80.1"
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


def kustomized():
    """Returns what `kubectl apply -k kubernetes` would apply."""
    command = ["kubectl", "kustomize", "kubernetes"] if shutil.which("kubectl") else ["go", "run", KUSTOMIZE, "build", "kubernetes"]
    return documents(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def kubernetes():
    schemas = custom_schemas()
    written = {}
    for path in sorted(glob.glob("kubernetes/*.yaml")):
        if os.path.basename(path) == "kustomization.yaml":
            continue
        with open(path, encoding="utf-8") as file:
            written[path] = documents(file)
    applied = kustomized()
    for path, objects in [*written.items(), ("kubectl apply -k", applied)]:
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

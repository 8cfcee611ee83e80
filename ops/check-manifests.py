#!/usr/bin/env python3
"""Holds the Kubernetes manifests against what the service needs; kubernetes-validate checks their form where it is installed.

Run with PyYAML. The rules are those whose breach loses data or opens a hole: see the comments in the manifests.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

FILE = Path(__file__).resolve().parent / "kubernetes" / "skillsync.yaml"
ROUTES = Path(__file__).resolve().parent.parent / "openapi" / "openapi.json"


def main():
    documents = list(yaml.safe_load_all(FILE.read_text()))
    kinds = {document["kind"]: document for document in documents}
    assert set(kinds) == {"ConfigMap", "PersistentVolumeClaim", "Deployment", "Service"}, set(kinds)
    spec = kinds["Deployment"]["spec"]
    assert spec["replicas"] == 1 and spec["strategy"] == {"type": "Recreate"}, "one process owns the journal"
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"] and security["capabilities"]["drop"] == ["ALL"]

    config = tomllib.loads(kinds["ConfigMap"]["data"]["skillsync.toml"])
    port = int(config["server"]["listen"].rsplit(":", 1)[1])
    assert container["ports"][0]["containerPort"] == port, "the port is the one that is listened on"
    assert config["server"]["api_keys"], "what can be reached from outside asks for keys"
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert any(config["genesys"]["client_secret_file"].startswith(path) for path in mounts), "the secret is mounted"
    assert any(str(word).startswith(tuple(mounts)) for word in container["args"]), "so is the configuration"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert set(mounts.values()) == set(volumes), "every volume is mounted"
    claim = volumes["journal"]["persistentVolumeClaim"]["claimName"]
    assert claim == kinds["PersistentVolumeClaim"]["metadata"]["name"]

    routes = ROUTES.read_text()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f'"{container[probe]["httpGet"]["path"]}"' in routes, probe
    assert pod["terminationGracePeriodSeconds"] > grace(config), "the stop has to fit into the grace of the pod"
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels == kinds["Service"]["spec"]["selector"]
    print(f"{FILE.name}: {len(documents)} documents hold the rules")

    validate = shutil.which("kubernetes-validate")
    if validate:
        subprocess.run([validate, "--strict", FILE], check=True)
    else:
        print("kubernetes-validate (PyPI) is not here: the form of the manifests was not checked against Kubernetes' schemas")


def grace(config):
    text = config["server"].get("shutdown_grace", "30s")
    return int(re.fullmatch(r"(\d+)s", text)[1])


sys.exit(main())

"""The files for Kubernetes and several machines and the workflow: read as their programs would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.site import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
OBJECTS: list[tuple[str, dict[str, Any]]] = [
    (path.name, each)
    for path in sorted(FOLDER.glob("*.yaml"))
    for each in yaml.safe_load_all(path.read_text())
]
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for _, each in OBJECTS
    if "template" in each.get("spec", {})
}
DOCS = "".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("version", ["1.29", "1.33"])
def test_each_object_is_one_that_kubernetes_knows(version: str) -> None:
    for name, each in OBJECTS:
        assert each["metadata"].get("namespace", "facesite") == "facesite", name
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", ["migrate", "web", "worker", "scheduler"])
def test_no_container_is_root_or_writes_beside_its_data(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]["memory"]
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/data"]


def test_the_parts_run_what_the_compose_file_runs() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for pod, service in {"migrate": "prepare", "web": "web", "worker": "worker", "scheduler": "beat"}.items():
        assert PODS[pod]["containers"][0]["command"] == services[service]["command"]
    assert set(PODS) == {"migrate", "web", "worker", "scheduler"}


def test_what_is_set_is_what_the_docs_name() -> None:
    kinds = {each["kind"]: each for _, each in OBJECTS}
    given = {**kinds["ConfigMap"]["data"], **kinds["Secret"]["stringData"]}
    unknown = {name for name in given if f"`{name}`" not in DOCS}
    assert unknown == {"HOME", "TMPDIR"}


def test_several_machines_run_the_services_of_one_and_a_store_and_milvus() -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!reset", lambda loader, node: None)
    text = (ROOT / "docker-compose.scale.yml").read_text()
    scaled = yaml.load(text, Loader)["services"]  # noqa: S506 -- a safe one, with one more tag
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(scaled) - set(services) == {"store", "milvus"}
    for name in ("prepare", "web", "worker", "beat"):
        unknown = {each for each in scaled[name]["environment"] if f"`{each}`" not in DOCS}
        assert not unknown


def test_the_workflow_builds_each_kind_of_image() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/images.yml").read_text())
    kinds = workflow["jobs"]["image"]["strategy"]["matrix"]["include"]
    targets = set(re.findall(r"(?m)^(\w+)-image:", Path(ROOT / "Makefile").read_text()))
    assert {each["engines"] for each in kinds} == targets
    assert all("linux/amd64" in each["platforms"] for each in kinds)

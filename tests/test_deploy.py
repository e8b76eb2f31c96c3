"""The container and the Kubernetes example: nobody's root, nothing written but on the volume."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
CONTAINER = (DEPLOY / "Containerfile").read_text()


def manifests() -> dict[str, dict[str, Any]]:
    found = YAML(typ="safe").load_all((DEPLOY / "kubernetes.yml").read_text())
    return {one["kind"] if one["kind"] != "ConfigMap" else one["metadata"]["name"]: one
            for one in found}  # fmt: skip


def container_environment() -> dict[str, str]:
    """The variables of the image, from the last ENV."""
    last = CONTAINER.rpartition("ENV ")[2].partition("USER")[0].replace("\\\n", " ")
    return dict(re.findall(r"(\w+)=(\S+)", last))


def variables_of(job: str) -> set[str]:
    """The variables that the plugins of a job are set by in ``meltano.yml``."""
    project = YAML(typ="safe").load((ROOT / "meltano.yml").read_text())
    plugins = {one["name"]: one for kind in project["plugins"].values() for one in kind}
    plugins |= {
        mapping["name"]: mapping
        for mapper in project["plugins"]["mappers"]
        for mapping in mapper["mappings"]
    }
    (tasks,) = (one["tasks"] for one in project["jobs"] if one["name"] == job)
    configs = []
    names: list[str | None] = [block for task in tasks for block in task.split()]
    while names:
        if name := names.pop():
            configs.append(plugins[name].get("config", {}))
            names.append(plugins[name].get("inherit_from"))
    return set(re.findall(r"\$([A-Z_]+)", str(configs)))


def test_meltano_writes_nothing_in_the_project_of_the_image(tmp_path: Path) -> None:
    app, data = tmp_path / "app", tmp_path / "data"
    app.mkdir()
    data.mkdir()
    shutil.copy(ROOT / "meltano.yml", app)
    here = {
        name: value.replace("/app", str(app)).replace("/data", str(data))
        for name, value in container_environment().items()
    }
    here["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["meltano", "--environment", "prod", "run", "keep-login"]
    done = subprocess.run(command, cwd=data, env=here, capture_output=True, text=True, check=False)
    assert "client_secret is missing" in done.stderr + done.stdout  # the plugin has run
    assert [path.name for path in app.iterdir()] == ["meltano.yml"]
    assert (data / ".meltano").is_dir()


def test_the_image_is_the_locked_environment_of_a_user_who_is_not_root() -> None:
    assert "uv sync --frozen --no-dev" in CONTAINER
    (user,) = re.findall(r"^USER (\d+):\d+$", CONTAINER, re.MULTILINE)
    assert int(user) > 0
    assert '"--environment", "prod"' in CONTAINER
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".env", "**/*.key", "**/*.db"} <= set(ignored)


def test_a_pod_may_write_on_its_volumes_only() -> None:
    found = manifests()
    pod = found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    rights = container["securityContext"]
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    assert found["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"


def test_a_pod_of_airflow_has_no_more_rights_than_the_other() -> None:
    found = YAML(typ="safe").load((DEPLOY / "kubernetes-airflow.yml").read_text())
    ours = manifests()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for name in ("securityContext", "serviceAccountName", "automountServiceAccountToken"):
        assert found["spec"][name] == ours[name]
    (container,) = found["spec"]["containers"]
    assert container["name"] == "base"
    assert container["securityContext"] == ours["containers"][0]["securityContext"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in found["spec"]["volumes"]
    }
    image = (DEPLOY / "Containerfile.airflow").read_text()
    assert "USER" not in image, "it stays that of the plugins' image"
    assert "uv pip sync --python /opt/airflow /requirements.txt" in image


def test_the_pod_has_the_variables_of_the_project() -> None:
    found = manifests()
    pod = found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    given = set(found["tea-settings"]["data"]) | {
        one["name"] for one in pod["containers"][0]["env"]
    }
    used = variables_of(pod["containers"][0]["args"][-1])
    assert used - given <= {"EXACT_BASE_URL", "RULES_STORE"}  # instead of others
    secret = found["Secret"]["stringData"]
    assert {"LEDGER_URL", "CREDENTIALS_URL", "MELTANO_DATABASE_URI", "key"} == set(secret)

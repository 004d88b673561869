"""The deployments: valid by the schemas of Compose and Kubernetes, with commands that loadkit understands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml
from compose_spec import PyOptions

from loadkit.cli.app import app
from loadkit.scenario.load import load_scenario

DEPLOY = Path(__file__).parents[2] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
OLDEST, NEWEST = "1.31", kubernetes_validate.latest_version()


def documents() -> dict[str, Mapping[str, Any]]:
    """All documents of the manifests by file, kind and name."""
    return {
        f"{path.stem}/{document['kind']}/{document['metadata']['name']}": document
        for path in MANIFESTS
        for document in yaml.safe_load_all(path.read_text())
    }


def pods() -> dict[str, Mapping[str, Any]]:
    return {
        name: document["spec"]["template"]["spec"]
        for name, document in documents().items()
        if "Service" not in name and "Claim" not in name
    }


def compose() -> dict[str, Any]:
    # What Compose fills in from the environment.
    text = re.sub(r"\$\{\w+:\?[^}]*\}", "set", (DEPLOY / "compose.yaml").read_text())
    return dict(yaml.safe_load(text))


def commands() -> dict[str, list[str]]:
    """What follows `loadkit` in every container that runs it."""
    found = {name: pod["containers"][0]["args"] for name, pod in pods().items()}
    for name, service in compose()["services"].items():
        if service["image"] == "loadkit":
            found[f"compose/{name}"] = service["command"]
    return found


def test_there_is_everything() -> None:
    assert set(documents()) == {
        "master/Job/loadkit-master",
        "master/PersistentVolumeClaim/loadkit-results",
        "master/Service/loadkit-master",
        "sink/Deployment/loadkit-sink",
        "sink/Service/loadkit-sink",
        "worker/Deployment/loadkit-worker",
    }
    assert set(compose()["services"]) == {"master", "worker", "sink", "prometheus", "grafana"}
    assert len(commands()) == 6


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", documents())
def test_kubernetes_takes_the_manifest(name: str, version: str) -> None:
    kubernetes_validate.validate(documents()[name], version, strict=True)


def test_kubernetes_would_not_take_a_wrong_one() -> None:
    document = dict(documents()["worker/Deployment/loadkit-worker"])
    document["spec"] = document["spec"] | {"replica": 2}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, OLDEST, strict=True)


def test_compose_takes_its_file() -> None:
    read = PyOptions(apply_merge=True).from_yaml((DEPLOY / "compose.yaml").read_text())
    read.validate()
    assert sorted(read.service_names()) == sorted(compose()["services"])


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [("cap_drop:", "cap_drops:", "cap_drops"), ("secrets: [sink_token]", "secrets: [none]", "none")],
)
def test_compose_would_not_take_a_wrong_one(right: str, wrong: str, complaint: str) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert right in text
    with pytest.raises(Exception, match=complaint):
        PyOptions(apply_merge=True).from_yaml(text.replace(right, wrong)).validate()


def options_of(verb: str) -> set[str]:
    group = typer.main.get_command(app)
    command = group.get_command(None, verb)  # type: ignore[attr-defined]
    assert command is not None, f"there is no loadkit {verb}"
    return {option for parameter in command.params for option in parameter.opts if option.startswith("-")}


@pytest.mark.parametrize("name", commands())
def test_loadkit_has_every_option_of_the_command(name: str) -> None:
    verb, *arguments = commands()[name]
    wanted = {argument.partition("=")[0] for argument in arguments if argument.startswith("-")}
    assert wanted <= options_of(verb)


def hosts(arguments: list[str]) -> Iterator[str]:
    """Names of other machines in a command."""
    for argument in arguments:
        if found := re.fullmatch(
            r"--(?:target=smtp|sink=http)://([\w-]+):\d+|--(?:master-host|allow)=([\w-]+)", argument
        ):
            yield found[1] or found[2]


@pytest.mark.parametrize("name", commands())
def test_every_machine_that_a_command_names_is_there(name: str) -> None:
    services = (
        set(compose()["services"])
        if name.startswith("compose/")
        else {one.rpartition("/")[2] for one in documents() if "/Service/" in one}
    )
    assert set(hosts(commands()[name])) <= services
    assert name.endswith("sink") or set(hosts(commands()[name]))


@pytest.mark.parametrize("name", [one for one in documents() if "/Service/" in one])
def test_services_lead_to_ports_of_their_pods(name: str) -> None:
    service = documents()[name]["spec"]
    (pod,) = [
        document["spec"]["template"]
        for document in documents().values()
        if document["spec"].get("template", {}).get("metadata", {}).get("labels") == service["selector"]
    ]
    ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == ports


@pytest.mark.parametrize("name", pods())
def test_pods_may_do_nothing_that_they_need_not(name: str) -> None:
    pod = pods()[name]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_files_that_compose_mounts_exist() -> None:
    mounted = [
        volume.partition(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]
    assert len(mounted) == 4
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


def test_prometheus_asks_what_compose_serves() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in jobs for static in job["static_configs"] for target in static["targets"]}
    assert targets == {"master:9464", "sink:8025"}
    master, sink = (compose()["services"][name]["command"] for name in ("master", "sink"))
    assert "--metrics-port=9464" in master
    assert "--admin=0.0.0.0:8025" in sink


def test_the_scenario_is_good_and_names_the_token() -> None:
    scenario = load_scenario(DEPLOY / "scenario.yaml")
    assert scenario.delivery.token_env == "SINK_TOKEN"


def test_the_image_copies_what_exists_and_nothing_is_kept_from_it() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {
        source
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in shlex.split(line)[1:-1]
    }
    assert copied == allowed
    assert all((DEPLOY.parent / source).exists() for source in copied)

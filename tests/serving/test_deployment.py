"""The files under deploy/: each parsed, and validated where a schema exists."""

import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from lfsr_tf.serving.server.models_config import read_models_config

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVING = DEPLOY / "tensorflow-serving"
TYPES = descriptor_pb2.FieldDescriptorProto


def message(name: str, fields: dict[str, tuple[int, int, bool]], **nested: type) -> type:
    """A message of TensorFlow Serving that its Python package lacks: name -> (number, type, repeated).

    A type below 0 is a nested message, `nested[name]`.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="deploy", syntax="proto3")
    described = file.message_type.add(name=name)
    for field, (number, kind, repeated) in fields.items():
        label = TYPES.LABEL_REPEATED if repeated else TYPES.LABEL_OPTIONAL
        added = described.field.add(name=field, number=number, label=label, type=abs(kind))
        if kind < 0:
            inner = nested[field].DESCRIPTOR
            added.type, added.type_name = TYPES.TYPE_MESSAGE, f".{inner.full_name}"
            if inner.file.name not in file.dependency:
                file.dependency.append(inner.file.name)
    pool = POOL
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"deploy.{name}"))


POOL = descriptor_pool.DescriptorPool()
# google/protobuf/wrappers.proto, of which the batching file wraps its numbers.
Int64Value = message("Int64Value", {"value": (1, TYPES.TYPE_INT64, False)})
# tensorflow_serving/servables/tensorflow/session_bundle_config.proto
BatchingParameters = message(
    "BatchingParameters",
    {
        "max_batch_size": (1, -TYPES.TYPE_MESSAGE, False),
        "batch_timeout_micros": (2, -TYPES.TYPE_MESSAGE, False),
        "max_enqueued_batches": (3, -TYPES.TYPE_MESSAGE, False),
        "num_batch_threads": (4, -TYPES.TYPE_MESSAGE, False),
        "allowed_batch_sizes": (6, TYPES.TYPE_INT64, True),
        "pad_variable_length_inputs": (7, TYPES.TYPE_BOOL, False),
    },
    max_batch_size=Int64Value,
    batch_timeout_micros=Int64Value,
    max_enqueued_batches=Int64Value,
    num_batch_threads=Int64Value,
)
# tensorflow_serving/config/monitoring_config.proto
PrometheusConfig = message(
    "PrometheusConfig", {"enable": (1, TYPES.TYPE_BOOL, False), "path": (2, TYPES.TYPE_STRING, False)}
)
MonitoringConfig = message(
    "MonitoringConfig",
    {"prometheus_config": (1, -TYPES.TYPE_MESSAGE, False)},
    prometheus_config=PrometheusConfig,
)


def parsed(path: Path, kind: type) -> object:
    return text_format.Parse(path.read_text(encoding="utf-8"), kind())


def resources() -> list[dict]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "lfsr.yaml").read_text(encoding="utf-8")))


def deployment() -> dict:
    return next(each for each in resources() if each["kind"] == "Deployment")


def test_the_models_file_is_a_server_s_configuration() -> None:
    config = parsed(SERVING / "models.config", ModelServerConfig)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("lfsr", "/models/lfsr", "tensorflow")
    assert dict(model.version_labels) == {"stable": 1}


def test_the_versions_that_labels_point_to_stay_whatever_is_exported_later() -> None:
    (model,) = read_models_config(SERVING / "models.config")
    assert set(model.labels.values()) <= set(model.policy.wanted(range(1, 100)))
    assert model.policy.wanted(range(1, 100))[0] == 99


def test_the_batching_file_never_pads_and_ends_with_its_largest_batch() -> None:
    config = parsed(SERVING / "batching_parameters.txt", BatchingParameters)
    sizes = list(config.allowed_batch_sizes)
    assert sizes == sorted(sizes) and sizes[-1] == config.max_batch_size.value
    assert not config.pad_variable_length_inputs


def test_the_monitoring_file_turns_metrics_on_where_the_other_files_look_for_them() -> None:
    config = parsed(SERVING / "monitoring.config", MonitoringConfig).prometheus_config
    assert config.enable
    annotations = deployment()["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == config.path
    in_cluster = next(each for each in resources() if each["kind"] == "ConfigMap")["data"]
    again = text_format.Parse(in_cluster["monitoring.config"], MonitoringConfig()).prometheus_config
    assert again == config


def test_a_misspelt_field_would_be_found() -> None:
    with pytest.raises(text_format.ParseError):
        text_format.Parse("max_batch { value: 3 }", BatchingParameters())


def test_the_compose_file_fits_its_schema_and_shows_the_server_to_this_machine_alone() -> None:
    file = DEPLOY / "docker-compose.yaml"
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", file], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    service = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]["lfsr"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["user"].split(":")[0] != "0" and service["read_only"]
    assert service["mem_limit"] and service["pids_limit"]
    mounted = {volume.split(":")[-2] for volume in service["volumes"]}
    named = re.findall(r"=(/config)/([a-z_.]+)", " ".join(service["command"]))
    assert named and all(folder in mounted and (SERVING / name).exists() for folder, name in named)


@pytest.mark.parametrize("resource", resources(), ids=lambda each: each["kind"])
def test_the_kubernetes_manifests_fit_their_schemas(resource: dict) -> None:
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_a_manifest_with_an_unknown_field_would_be_refused() -> None:
    broken = deployment()
    broken["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


def test_the_deployment_probes_limits_and_runs_as_nobody() -> None:
    pod = deployment()["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert container["resources"]["limits"]["memory"]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] == "/v1/models/lfsr"
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    arguments = dict(word.removeprefix("--").split("=") for word in container["args"])
    assert (arguments["port"], arguments["rest_api_port"]) == (str(ports["grpc"]), str(ports["rest"]))


def test_services_and_disruption_budgets_choose_the_deployment() -> None:
    labels = deployment()["spec"]["template"]["metadata"]["labels"].items()
    by_kind = {each["kind"]: each["spec"] for each in resources() if "spec" in each}
    assert by_kind["Service"]["selector"].items() <= labels
    for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert by_kind[kind][field]["matchLabels"].items() <= labels


def test_pods_are_reached_by_clients_and_the_monitoring_alone_and_reach_nobody() -> None:
    policy = next(each for each in resources() if each["kind"] == "NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"} and policy["egress"] == []
    (container,) = deployment()["spec"]["template"]["spec"]["containers"]
    open_ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    clients, monitoring = policy["ingress"]
    assert {port["port"] for port in clients["ports"]} == set(open_ports.values())
    assert [port["port"] for port in monitoring["ports"]] == [open_ports["rest"]]
    # A rule without a peer would let everybody in.
    assert all(peer for rule in policy["ingress"] for peer in rule["from"] or [{}])


def inference_service() -> dict:
    return yaml.safe_load((DEPLOY / "kserve" / "inferenceservice.yaml").read_text(encoding="utf-8"))


def test_the_kserve_service_names_tensorflow_and_the_folder_of_the_versions() -> None:
    service = inference_service()
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "tensorflow"}
    assert model["storageUri"].startswith("pvc://")


def test_what_the_kserve_service_says_of_its_pod_fits_the_schema_and_runs_as_nobody() -> None:
    predictor = inference_service()["spec"]["predictor"]
    container = {**predictor.pop("model"), "name": "serving", "image": "tensorflow/serving"}
    own = {"minReplicas", "maxReplicas"}, {"modelFormat", "runtimeVersion", "storageUri"}
    pod, container = (
        {key: value for key, value in fields.items() if key not in names}
        for fields, names in zip((predictor, container), own, strict=True)
    )
    resource = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lfsr"}}
    resource["spec"] = {**pod, "containers": [container]}
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    in_cluster = deployment()["spec"]["template"]["spec"]
    whole = in_cluster["securityContext"] | in_cluster["containers"][0]["securityContext"]
    # Knative, as it comes, refuses what is said of the pod as a whole.
    assert "securityContext" not in pod and container["securityContext"] == whole
    assert pod["automountServiceAccountToken"] is False


def test_the_kserve_service_is_not_shown_outside_the_cluster() -> None:
    labels = inference_service()["metadata"]["labels"]
    assert labels["networking.kserve.io/visibility"] == "cluster-local"
    assert labels["networking.knative.dev/visibility"] == "cluster-local"

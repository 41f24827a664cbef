"""From flags and environment to the options of the controller."""

from pathlib import Path

import pytest

from argocd_image_updater.cli import exit_codes, places
from argocd_image_updater.cli.cluster_options import parse_namespaces, read_cluster_options
from argocd_image_updater.cli.controller import (
    ControllerEnded,
    controller_options,
    run_in_cluster,
)
from argocd_image_updater.cli.starting import start_fields
from argocd_image_updater.controller.cluster import process
from argocd_image_updater.errors import ConfigError, RemoteError

SECOND = 10**9


def options(environ=None, **given):
    given = {name.replace("_", "-"): value for name, value in given.items()}
    return read_cluster_options(given=given, environ={"TMPDIR": "/t"} | (environ or {}))


def test_without_flags_the_defaults_of_a_deployment_hold():
    found = options()
    assert (found.once, found.run.dry_run, found.warmup_cache) == (False, False, True)
    assert found.interval_ns == 120 * SECOND
    assert (found.kubeconfig, found.watch_namespaces) == ("", ())
    assert found.registries_conf_path == "/app/config/registries.conf"
    assert (found.metrics_bind_address, found.metrics_secure) == ("0", True)
    assert found.health_probe_bind_address == ":8081"
    assert (found.leader_election, found.leader_election_namespace) == (True, "")
    assert (found.shards, found.fail_on_image_errors, found.disable_kube_events) == (
        1,
        False,
        False,
    )
    assert found.run.warnings == ()


def test_the_variables_of_a_deployment_are_read():
    found = options(
        {
            "IMAGE_UPDATER_INTERVAL": "5m",
            "IMAGE_UPDATER_WATCH_NAMESPACES": "a, b ,,c",
            "IMAGE_UPDATER_KUBE_EVENTS": "TRUE",
            "IMAGE_UPDATER_SHARDS": "3",
            "ARGOCD_NAMESPACE": "cd",
        }
    )
    assert found.interval_ns == 300 * SECOND
    assert found.watch_namespaces == ("a", "b", "c")
    assert found.disable_kube_events
    assert (found.shards, found.run.argocd_namespace) == (3, "cd")


def test_once_does_one_pass_without_probes_whatever_else_is_said():
    found = options(once=True, interval=300 * SECOND, health_probe_bind_address=":9000")
    assert (found.once, found.interval_ns, found.health_probe_bind_address) == (True, 0, "0")
    assert start_fields(found.run, probe_address="0")["interval"] == "once"


def test_an_interval_of_zero_is_no_single_pass():
    found = options(interval=0)
    assert (found.once, found.interval_ns) == (False, 0)
    assert found.health_probe_bind_address == ":8081"


def test_a_negative_interval_pauses_with_a_warning():
    found = options(interval=-5 * SECOND)
    assert controller_options(found).interval_s == -5
    assert found.run.warnings == ("the interval is negative: nothing is ever updated",)
    assert start_fields(found.run, probe_address=":8081")["interval"] == "-5s"


def test_a_short_interval_is_warned_of():
    assert "short" in options(interval=59 * SECOND).run.warnings[0]
    assert options(interval=60 * SECOND).run.warnings == ()


@pytest.mark.parametrize(
    ("text", "namespaces"),
    [
        ("", ()),
        ("  ", ()),
        ("*", ("*",)),
        (" * ", ("*",)),
        ("a", ("a",)),
        ("a,b , c", ("a", "b", "c")),
        ("a,,b,a", ("a", "b")),
    ],
)
def test_watched_namespaces_are_trimmed_and_named_once(text, namespaces):
    assert parse_namespaces(text) == namespaces


@pytest.mark.parametrize("text", [",", " , ", "a,*", "*,*,b"])
def test_no_namespace_and_a_star_beside_names_are_errors(text):
    with pytest.raises(ConfigError, match="--watch-namespaces"):
        parse_namespaces(text)


def test_webhooks_that_are_asked_for_are_said_to_be_missing():
    [warning] = options(enable_webhook=True).run.warnings
    assert warning.startswith("--enable-webhook: events of registries are not received")
    [warning] = options({"ENABLE_WEBHOOK": "true"}).run.warnings
    assert warning.startswith("ENABLE_WEBHOOK: ")
    assert options(enable_webhook=True, webhook_port=0).run.warnings == ()


def test_http2_is_accepted_with_a_warning():
    [warning] = options(enable_http2=True).run.warnings
    assert warning == "--enable-http2: HTTP/2 is not served, clients get HTTP/1.1"


def test_unreadable_variables_are_told_once_and_never_with_a_secret():
    found = options({"ENABLE_WEBHOOK": "yes", "MAX_CONCURRENT_RECONCILES": "11"})
    assert [warning.split()[2] for warning in found.run.warnings] == [
        "MAX_CONCURRENT_RECONCILES",
        "ENABLE_WEBHOOK",
    ]
    assert "s3cr3t" not in repr(options({"QUAY_WEBHOOK_SECRET": "s3cr3t"}))


def test_state_is_kept_in_the_folder_of_the_image_if_it_can_be_written(monkeypatch, tmp_path):
    assert str(options().run.state_dir).startswith("/t/argocd-image-updater-")
    monkeypatch.setattr(places, "STATE_DIR", tmp_path)
    assert options().run.state_dir == tmp_path / "argocd-image-updater"
    assert options(state_dir="/s").run.state_dir == Path("/s")
    assert options({"IMAGE_UPDATER_STATE_DIR": "/e"}).run.state_dir == Path("/e")


def test_the_first_line_has_the_fields_that_tools_look_for():
    found = options(argocd_namespace="cd", loglevel="debug")
    fields = start_fields(found.run, probe_address=found.health_probe_bind_address)
    assert fields.pop("app").startswith("argocd-image-updater: v")
    assert fields == {
        "logger": "controller-setup",
        "loglevel": "DEBUG",
        "interval": "2m0s",
        "healthPort": ":8081",
        "argocdNamespace": "cd",
    }
    assert "argocdNamespace" not in start_fields(options().run, probe_address="0")


def test_whatever_keeps_the_controller_from_starting_ends_with_one(monkeypatch):
    async def unreachable(*_, **__):
        raise RemoteError("the API server is away", hint="start it")

    monkeypatch.setattr(process, "run_controller", unreachable)
    with pytest.raises(ControllerEnded, match="is away") as caught:
        run_in_cluster(options(), {})
    assert (exit_codes.of_error(caught.value), caught.value.hint) == (1, "start it")

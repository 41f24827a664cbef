"""The flags that Deployments carry: name, type, default, variable and its range."""

from collections import defaultdict

import pytest

from argocd_image_updater.cli.flag import CYCLE, RUN, TEST, Kind
from argocd_image_updater.cli.flags import BY_NAME, FLAGS, flags_of
from argocd_image_updater.core.durations import NS_PER_S

TWO_MINUTES = 120 * NS_PER_S
# Never to be changed: name, type, default, variable, range of the variable.
TABLE = [
    ("argocd-namespace", "string", "", "ARGOCD_NAMESPACE", None),
    ("watch-namespaces", "string", "", "IMAGE_UPDATER_WATCH_NAMESPACES", None),
    ("interval", "duration", TWO_MINUTES, "IMAGE_UPDATER_INTERVAL", None),
    ("once", "bool", False, "", None),
    ("dry-run", "bool", False, "", None),
    ("warmup-cache", "bool", True, "", None),
    ("max-concurrent-apps", "int", 10, "MAX_CONCURRENT_APPS", (1, 100)),
    ("max-concurrent-reconciles", "int", 1, "MAX_CONCURRENT_RECONCILES", (1, 10)),
    ("registries-conf-path", "string", "/app/config/registries.conf", "", None),
    ("kubeconfig", "string", "", "", None),
    ("loglevel", "string", "info", "IMAGE_UPDATER_LOGLEVEL", None),
    ("logformat", "string", "text", "IMAGE_UPDATER_LOGFORMAT", None),
    ("disable-kube-events", "bool", False, "IMAGE_UPDATER_KUBE_EVENTS", None),
    ("metrics-bind-address", "string", "0", "", None),
    ("metrics-secure", "bool", True, "", None),
    ("health-probe-bind-address", "string", ":8081", "", None),
    ("leader-election", "bool", True, "", None),
    ("leader-election-namespace", "string", "", "", None),
    ("enable-http2", "bool", False, "", None),
    ("git-commit-user", "string", "argocd-image-updater", "GIT_COMMIT_USER", None),
    ("git-commit-email", "string", "noreply@argoproj.io", "GIT_COMMIT_EMAIL", None),
    ("git-commit-signing-key", "string", "", "GIT_COMMIT_SIGNING_KEY", None),
    ("git-commit-signing-method", "string", "openpgp", "GIT_COMMIT_SIGNING_METHOD", None),
    ("git-commit-sign-off", "bool", False, "GIT_COMMIT_SIGN_OFF", None),
    ("git-commit-message-path", "string", "/app/config/commit.template", "", None),
    ("git-commit-method", "string", "git", "GIT_COMMIT_METHOD", None),
    ("enable-webhook", "bool", False, "ENABLE_WEBHOOK", None),
    ("webhook-port", "int", 8082, "WEBHOOK_PORT", (0, 65535)),
    ("webhook-require-secret", "bool", True, "WEBHOOK_REQUIRE_SECRET", None),
    *(
        (f"{name}-webhook-secret", "string", "", f"{variable}_WEBHOOK_SECRET", None)
        for name, variable in (
            ("docker", "DOCKER"),
            ("ghcr", "GHCR"),
            ("quay", "QUAY"),
            ("harbor", "HARBOR"),
            ("aliyun-acr", "ALIYUN_ACR"),
            ("acr", "ACR"),
            ("cloudevents", "CLOUDEVENTS"),
        )
    ),
    ("webhook-ratelimit-allowed", "int", 0, "WEBHOOK_RATELIMIT_ALLOWED", (0, 2**31 - 1)),
    ("disable-tls", "bool", False, "DISABLE_TLS", None),
    ("tlsminversion", "string", "1.3", "TLS_MIN_VERSION", None),
    ("tlsmaxversion", "string", "1.3", "TLS_MAX_VERSION", None),
    ("tlsciphers", "string", "", "TLS_CIPHERS", None),
]
OF_TEST = {
    "semver-constraint": ("string", ""),
    "update-strategy": ("string", "semver"),
    "allow-tags": ("string", ""),
    "ignore-tags": ("strings", ()),
    "platforms": ("strings", ()),
    "registries-conf-path": ("string", ""),
    "credentials": ("string", ""),
    "rate-limit": ("int", 0),
    "kubeconfig": ("string", ""),
    "loglevel": ("string", "debug"),
}


@pytest.mark.parametrize(("name", "kind", "default", "env", "allowed"), TABLE)
def test_a_flag_of_the_controller_keeps_its_type_default_and_variable(
    name, kind, default, env, allowed
):
    [flag] = [flag for flag in flags_of(RUN) if flag.name == name]
    assert (flag.kind.value, flag.default_for(RUN), flag.env) == (kind, default, env)
    if allowed:
        assert flag.env_allowed == range(allowed[0], allowed[1] + 1)


@pytest.mark.parametrize("name", OF_TEST)
def test_a_flag_of_test_keeps_its_type_and_default_and_has_no_variable(name):
    [flag] = [flag for flag in flags_of(TEST) if flag.name == name]
    assert (flag.kind.value, flag.default, flag.env) == (*OF_TEST[name], "")


def test_flags_of_one_name_agree_on_what_the_words_of_a_command_line_mean():
    rows = defaultdict(list)
    for flag in FLAGS:
        rows[flag.name].append(flag)
    for same in rows.values():
        assert len({(flag.kind, flag.choices) for flag in same}) == 1
        commands = [name for flag in same for name in flag.commands]
        assert len(commands) == len(set(commands))


def test_a_name_alone_is_the_flag_of_the_controller_where_it_has_one():
    for flag in flags_of(RUN):
        assert BY_NAME[flag.name] is flag


def test_everything_that_counts_has_bounds():
    numbers = [flag for flag in FLAGS if flag.kind is Kind.INT]
    assert [flag.name for flag in numbers if flag.allowed is None] == []
    assert BY_NAME["shards"].allowed == range(1, 65)
    assert BY_NAME["shards"].env == "IMAGE_UPDATER_SHARDS"


def test_a_flag_of_the_cycle_is_one_of_all_commands_that_evaluate_one():
    # A Deployment's environment is read by kubectl exec … plan as well.
    for flag in FLAGS:
        assert flag.commands & CYCLE in (frozenset(), CYCLE, {RUN}, {"explain"})

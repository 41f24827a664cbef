"""The flags that only the mode inside a cluster uses.

Those of webhooks are accepted, with their types, ranges and variables, so that the arguments and
the environment of a Deployment stay valid; `cluster_warnings.py` says what they do not do yet.
"""

from __future__ import annotations

from argocd_image_updater.cli.flag import CYCLE, ONLY_RUN, Flag, Kind, Section

_AT_LEAST_ONE = range(1, 2**31)
_PORTS = range(65536)
_UNSIGNED = range(2**31)


def _cluster(
    name: str,
    text: str,
    *,
    kind: Kind = Kind.TEXT,
    default: bool | int | str = "",
    env: str = "",
    allowed: range | None = None,
    metavar: str = "",
    path: str = "",
) -> Flag:
    return Flag(
        name,
        text,
        kind=kind,
        default=default,
        env=env,
        allowed=allowed,
        env_allowed=allowed,
        section=Section.CLUSTER,
        commands=ONLY_RUN,
        metavar=metavar,
        path=path,
    )


_WEBHOOK_SECRETS = tuple(
    _cluster(
        f"{sender}-webhook-secret",
        f"Shared secret of {title} webhooks.",
        env=f"{sender.replace('-', '_').upper()}_WEBHOOK_SECRET",
    )
    for sender, title in (
        ("docker", "Docker Hub"),
        ("ghcr", "GitHub packages"),
        ("quay", "Quay"),
        ("harbor", "Harbor"),
        ("aliyun-acr", "Alibaba Cloud registry"),
        ("acr", "Azure registry"),
        ("cloudevents", "CloudEvents"),
    )
)

CLUSTER_FLAGS: tuple[Flag, ...] = (
    _cluster(
        "kubeconfig",
        "Kubernetes client configuration. Default: KUBECONFIG, else the Pod's service account, "
        "else ~/.kube/config.",
        metavar="FILE",
        path="file",
    ),
    _cluster(
        "watch-namespaces",
        "Namespaces whose ImageUpdaters are watched, comma-separated; * for all. Default: the own.",
        env="IMAGE_UPDATER_WATCH_NAMESPACES",
        metavar="NAMES",
    ),
    _cluster(
        "warmup-cache",
        "Be ready only when the first cycle has ended.",
        kind=Kind.BOOL,
        default=True,
    ),
    Flag(
        "max-concurrent-apps",
        "Accepted, without effect: Applications are worked on together, and what bounds the work "
        "is the number of requests to each registry and repository.",
        kind=Kind.INT,
        default=10,
        env="MAX_CONCURRENT_APPS",
        allowed=_AT_LEAST_ONE,
        env_allowed=range(1, 101),
        section=Section.CLUSTER,
        commands=CYCLE,
    ),
    Flag(
        "max-concurrent-reconciles",
        "Accepted, without effect: all ImageUpdaters that are due are worked on together.",
        kind=Kind.INT,
        default=1,
        env="MAX_CONCURRENT_RECONCILES",
        allowed=_AT_LEAST_ONE,
        env_allowed=range(1, 11),
        section=Section.CLUSTER,
        commands=ONLY_RUN,
    ),
    _cluster(
        "disable-kube-events",
        # COMPAT: the variable is inverted in name: true disables events.
        "Write no Kubernetes events. Note that IMAGE_UPDATER_KUBE_EVENTS=true disables them too.",
        kind=Kind.BOOL,
        default=False,
        env="IMAGE_UPDATER_KUBE_EVENTS",
    ),
    _cluster(
        "refresh-after-push",
        "Have Argo CD look at an Application right after the branch it follows was pushed.",
        kind=Kind.BOOL,
        default=True,
        env="IMAGE_UPDATER_REFRESH_AFTER_PUSH",
    ),
    _cluster("metrics-bind-address", "Address of the metrics server; 0 = off.", default="0"),
    _cluster(
        "metrics-secure", "Serve metrics over TLS with authorisation.", kind=Kind.BOOL, default=True
    ),
    _cluster("health-probe-bind-address", "Address of the probes; 0 = off.", default=":8081"),
    _cluster("leader-election", "Let one replica work at a time.", kind=Kind.BOOL, default=True),
    _cluster(
        "leader-election-namespace",
        "Namespace of the leader's Lease. Default: the own.",
        metavar="NAME",
    ),
    _cluster(
        "shards",
        "Number of parts into which the work is divided between replicas.",
        kind=Kind.INT,
        default=1,
        env="IMAGE_UPDATER_SHARDS",
        allowed=range(1, 65),
    ),
    _cluster(
        "fail-on-image-errors",
        "With --once: end with 2 when some image failed.",
        kind=Kind.BOOL,
        default=False,
    ),
    _cluster("enable-http2", "Accepted; HTTP/1.1 is served.", kind=Kind.BOOL, default=False),
    _cluster(
        "enable-webhook",
        "Listen for events of registries (not in this release: a warning says so).",
        kind=Kind.BOOL,
        default=False,
        env="ENABLE_WEBHOOK",
    ),
    _cluster(
        "webhook-port",
        "Port of the webhook server; 0 = off.",
        kind=Kind.INT,
        default=8082,
        env="WEBHOOK_PORT",
        allowed=_PORTS,
    ),
    _cluster(
        "webhook-require-secret",
        "Refuse events of senders without a secret.",
        kind=Kind.BOOL,
        default=True,
        env="WEBHOOK_REQUIRE_SECRET",
    ),
    *_WEBHOOK_SECRETS,
    _cluster(
        "webhook-ratelimit-allowed",
        "Events per hour and sender; 0 = unlimited.",
        kind=Kind.INT,
        default=0,
        env="WEBHOOK_RATELIMIT_ALLOWED",
        allowed=_UNSIGNED,
    ),
    _cluster(
        "disable-tls",
        "Serve webhooks without TLS.",
        kind=Kind.BOOL,
        default=False,
        env="DISABLE_TLS",
    ),
    _cluster("tlsminversion", "Lowest TLS version.", default="1.3", env="TLS_MIN_VERSION"),
    _cluster("tlsmaxversion", "Highest TLS version.", default="1.3", env="TLS_MAX_VERSION"),
    _cluster("tlsciphers", "TLS cipher suites, colon-separated.", env="TLS_CIPHERS"),
)

"""What an installation of the first releases has in a cluster: status, roles, settings.

Written down here as data, because a test swaps the program in it and nothing else.
"""

ACCOUNT = "argocd-image-updater-controller"
GROUP = "argocd-image-updater.argoproj.io"
FINALIZER = "resources-finalizer.argocd-image-updater.argoproj.io"
LEASE = "c21b75f2.argoproj.io"
_RBAC = "rbac.authorization.k8s.io"
_RIGHTS_OF_ELECTION = ["get", "list", "watch", "create", "update", "patch", "delete"]

# --- stored objects -----------------------------------------------------------------------------


def status_of_the_first_release(*, generation=1):
    """Return a status as it was left behind by a cycle with one update."""
    moment = "2024-05-01T10:00:00Z"

    def condition(kind, status, reason, message):
        return {
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": moment, "observedGeneration": generation,
        }  # fmt: skip

    return {
        "observedGeneration": generation,
        "lastCheckedAt": moment,
        "lastUpdatedAt": moment,
        "applicationsMatched": 2,
        "imagesManaged": 2,
        "recentUpdates": [
            {
                "alias": "web", "image": "old.example/web", "newVersion": "0.9.0",
                "applicationsUpdated": 1, "updatedAt": moment, "message": "0.8.0 -> 0.9.0",
            }
        ],
        "conditions": [
            condition("Reconciling", "False", "Idle", "Reconciliation is idle"),
            condition("Error", "False", "NoErrors", "No errors"),
            condition("Ready", "True", "ReconcileSucceeded", "Reconciled 2 applications"),
        ],
    }  # fmt: skip


# --- rights -------------------------------------------------------------------------------------

_WATCHED = (
    ([GROUP], ["imageupdaters"], ["create", "delete", "get", "list", "patch", "update", "watch"]),
    ([GROUP], ["imageupdaters/finalizers"], ["update"]),
    ([GROUP], ["imageupdaters/status"], ["get", "patch", "update"]),
    (["argoproj.io"], ["applications"], ["get", "list", "patch", "update", "watch"]),
    ([""], ["events"], ["create"]),
)
_SECRETS = ([""], ["secrets"], ["get"])
_OWN = ([""], ["secrets", "configmaps"], ["get", "list", "watch"])
_ELECTION = (
    ([""], ["configmaps"], _RIGHTS_OF_ELECTION),
    (["coordination.k8s.io"], ["leases"], _RIGHTS_OF_ELECTION),
    ([""], ["events"], ["create", "patch"]),
)
_METRICS = (
    (["authentication.k8s.io"], ["tokenreviews"], ["create"]),
    (["authorization.k8s.io"], ["subjectaccessreviews"], ["create"]),
)


def installed_roles(namespace):
    """Yield the account and the roles of an installation that watches its own namespace."""
    yield from _everywhere(namespace)
    rules = (*_WATCHED, _SECRETS)
    yield from _bound("Role", "argocd-image-updater-manager-role", rules, namespace=namespace)


def installed_cluster_roles(namespace):
    """Yield the account and the roles of an installation that watches all namespaces.

    The documented role of these releases gives no right to read Secrets outside its own namespace.
    """
    yield from _everywhere(namespace)
    name = "argocd-image-updater-manager-role"
    yield from _bound("ClusterRole", name, _WATCHED, namespace=namespace)


def _everywhere(namespace):
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT, "namespace": namespace},
    }
    yield from _bound("Role", "argocd-image-updater", (_OWN,), namespace=namespace)
    name = "argocd-image-updater-leader-election-role"
    yield from _bound("Role", name, _ELECTION, namespace=namespace)
    name = "argocd-image-updater-metrics-auth-role"
    yield from _bound("ClusterRole", name, _METRICS, namespace=namespace)
    reader = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    name = "argocd-image-updater-metrics-reader"
    yield from _bound("ClusterRole", name, (), namespace=namespace, more=[reader])


def _bound(kind, name, rules, *, namespace, more=()):
    """Yield a role and the binding that gives it to the account."""
    place = {"namespace": namespace} if kind == "Role" else {}
    written = [
        {"apiGroups": groups, "resources": resources, "verbs": verbs}
        for groups, resources, verbs in rules
    ]
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name, **place},
        "rules": [*written, *more],
    }
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": f"{name}binding", **place},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }


def account_user(namespace):
    """Return the name under which the server knows the account."""
    return f"system:serviceaccount:{namespace}:{ACCOUNT}"


# --- settings -----------------------------------------------------------------------------------

CONFIG, SECRET = "argocd-image-updater-config", "argocd-image-updater-secret"
# Key of the ConfigMap → environment variable, as the Deployment has it.
CONFIG_VARIABLES = {
    "argocd.namespace": "ARGOCD_NAMESPACE",
    "watch.namespaces": "IMAGE_UPDATER_WATCH_NAMESPACES",
    "interval": "IMAGE_UPDATER_INTERVAL",
    "max_concurrent_apps": "MAX_CONCURRENT_APPS",
    "max_concurrent_reconciles": "MAX_CONCURRENT_RECONCILES",
    "log.level": "IMAGE_UPDATER_LOGLEVEL",
    "log.format": "IMAGE_UPDATER_LOGFORMAT",
    "kube.events": "IMAGE_UPDATER_KUBE_EVENTS",
    "git.user": "GIT_COMMIT_USER",
    "git.email": "GIT_COMMIT_EMAIL",
    "git.commit-signing-key": "GIT_COMMIT_SIGNING_KEY",
    "git.commit-signing-method": "GIT_COMMIT_SIGNING_METHOD",
    "git.commit-sign-off": "GIT_COMMIT_SIGN_OFF",
    "webhook.enable": "ENABLE_WEBHOOK",
    "webhook.port": "WEBHOOK_PORT",
    "webhook.require-secret": "WEBHOOK_REQUIRE_SECRET",
    "webhook.ratelimit-allowed": "WEBHOOK_RATELIMIT_ALLOWED",
    "disable-tls": "DISABLE_TLS",
    "tls.min-version": "TLS_MIN_VERSION",
    "tls.max-version": "TLS_MAX_VERSION",
    "tls.ciphers": "TLS_CIPHERS",
}
SECRET_VARIABLES = {
    f"webhook.{sender}-secret": f"{sender.replace('-', '_').upper()}_WEBHOOK_SECRET"
    for sender in ("docker", "ghcr", "quay", "harbor", "aliyun-acr", "acr", "cloudevents")
}
# Key of the ConfigMap → file below /app/config.
CONFIG_FILES = {
    "registries.conf": "registries.conf",
    "git.commit-message-template": "commit.template",
}


def environment_of(config, secret):
    """Return the environment that a Pod of the Deployment has, from what the objects hold."""
    return {
        variable: values[key]
        for values, variables in ((config, CONFIG_VARIABLES), (secret, SECRET_VARIABLES))
        for key, variable in variables.items()
        if key in values
    }


def mount(config, folder):
    """Write the files that a Pod has below ``/app/config`` into a folder; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, name in CONFIG_FILES.items():
        if key in config:
            (folder / name).write_text(config[key])
    return folder

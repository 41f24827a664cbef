"""Every flag of every command, once: name, type, default, environment variable, help.

The parser, the help texts, the shell completions and docs/reference/cli.md are made from this
table, so none of them can drift. Names, defaults and variables of the first releases never change.
"""

from __future__ import annotations

from argocd_image_updater.cli.cluster_flags import CLUSTER_FLAGS
from argocd_image_updater.cli.flag import (
    COMPLETION,
    CYCLE,
    DEMO,
    DOCTOR,
    EXPLAIN,
    LOG_LEVELS,
    ONLY_RUN,
    PLAN,
    TEST,
    VALIDATE,
    VERSION,
    Flag,
    Kind,
    Section,
)
from argocd_image_updater.cli.look_up_flags import LOOK_UP_FLAGS
from argocd_image_updater.core.durations import NS_PER_S

_WORK = (
    Flag(
        "manifests",
        "Folder with the YAML files to work on, or one such file: ImageUpdater, Application, "
        "Secret, ConfigMap and registries.conf. May be given several times. Without it, run works "
        "in a cluster.",
        kind=Kind.LIST,
        default=(),
        metavar="DIR",
        path="dir",
        commands=CYCLE | {VALIDATE},
    ),
    Flag(
        "once",
        "Do one cycle and end. Without it the cycle repeats every --interval.",
        kind=Kind.BOOL,
        default=False,
        commands=ONLY_RUN,
    ),
    Flag(
        "interval",
        "Pause from the end of one cycle to the start of the next. 0 does one cycle; in a cluster, "
        "one for each resource that is new or edited. In a cluster a negative one pauses all work.",
        kind=Kind.DURATION,
        default=120 * NS_PER_S,
        env="IMAGE_UPDATER_INTERVAL",
        commands=ONLY_RUN,
    ),
    Flag(
        "dry-run",
        "Decide and show everything, write nothing.",
        kind=Kind.BOOL,
        default=False,
        commands=ONLY_RUN,
    ),
    Flag(
        "argocd-namespace",
        "Namespace of Argo CD, where repository credentials stand; with --manifests also that of "
        "objects without a namespace. Default: argocd; in a cluster the own namespace.",
        env="ARGOCD_NAMESPACE",
        metavar="NAME",
        commands=CYCLE | {VALIDATE},
    ),
    Flag(
        "platform",
        "Platform whose images count where an image does not name platforms itself, as "
        "os/arch[/variant].",
        env="IMAGE_UPDATER_PLATFORM",
        metavar="PLATFORM",
        default_note="that of this machine",
    ),
    Flag(
        "downgrade",
        "When an older tag may replace the current one, for images that do not say: always, only "
        "when a rule or the registry excludes the current tag, or never.",
        default="whenExcluded",
        env="IMAGE_UPDATER_DOWNGRADE",
        choices=("allow", "whenExcluded", "never"),
    ),
    Flag(
        "state-dir",
        "Folder for what is remembered between runs (answers of registries, Git objects). Private "
        "to this user, used by one process at a time.",
        env="IMAGE_UPDATER_STATE_DIR",
        metavar="DIR",
        path="dir",
        default_note="$XDG_CACHE_HOME/argocd-image-updater; in a cluster below /app/state if that "
        "can be written, else below $TMPDIR",
    ),
)

_REGISTRIES = (
    Flag(
        "registries-conf-path",
        "Registries configuration. Empty: the built-in registries only.",
        default="/app/config/registries.conf",  # in the cluster
        default_note="registries.conf of the manifests; in a cluster /app/config/registries.conf",
        metavar="FILE",
        path="file",
        section=Section.REGISTRIES,
    ),
    Flag(
        "image-credential-sources",
        "Which sources beside Secrets the pull secrets of images may name, separated by commas: "
        "env, ext; or none. registries.conf may always name them.",
        env="IMAGE_UPDATER_IMAGE_CREDENTIAL_SOURCES",
        metavar="SOURCES",
        default_note="env,ext while exactly one namespace is watched, as with --manifests",
        section=Section.REGISTRIES,
    ),
    Flag(
        "shared-secret-namespaces",
        "Namespaces whose Secrets the images of every Application may name as their pull secret, "
        "separated by commas.",
        env="IMAGE_UPDATER_SHARED_SECRET_NAMESPACES",
        metavar="NAMES",
        section=Section.REGISTRIES,
    ),
    Flag(
        "credential-program-timeout",
        "How long a program that prints credentials (ext:) may take.",
        kind=Kind.DURATION,
        default=60 * NS_PER_S,
        env="IMAGE_UPDATER_CREDENTIAL_PROGRAM_TIMEOUT",
        section=Section.REGISTRIES,
    ),
    Flag(
        "workload-pull-secrets",
        "Use the pull secrets of the ServiceAccounts in the namespace that an Application is "
        "deployed to, in this cluster, where no credentials are configured.",
        kind=Kind.BOOL,
        default=False,
        env="IMAGE_UPDATER_WORKLOAD_PULL_SECRETS",
        section=Section.REGISTRIES,
    ),
    Flag(
        "argocd-repository-credentials",
        "Use the credentials of Argo CD's own OCI repositories for images of the same registry, "
        "where no credentials are configured.",
        kind=Kind.BOOL,
        default=False,
        env="IMAGE_UPDATER_ARGOCD_REPOSITORY_CREDENTIALS",
        section=Section.REGISTRIES,
    ),
    Flag(
        "cloud-identities",
        "Clouds whose registries get the identity of this program where no credentials are "
        "configured, separated by commas: aws, gcp, azure; or none.",
        default="none",
        env="IMAGE_UPDATER_CLOUD_IDENTITIES",
        metavar="CLOUDS",
        commands=CYCLE | {TEST, DOCTOR},
        section=Section.REGISTRIES,
    ),
    Flag(
        "docker-config",
        "Whether the logins in ~/.docker/config.json (or $DOCKER_CONFIG) are used where no "
        "credentials are configured. auto: with --manifests.",
        default="auto",
        env="IMAGE_UPDATER_DOCKER_CONFIG",
        choices=("auto", "on", "off"),
        commands=CYCLE | {TEST, DOCTOR},
        section=Section.REGISTRIES,
    ),
    Flag(
        "sigstore-trusted-root",
        "Root of trust of keyless signatures: a trusted_root.json of Sigstore.",
        env="IMAGE_UPDATER_SIGSTORE_TRUSTED_ROOT",
        metavar="FILE",
        path="file",
        default_note="that of the public instance, as old as the library that brings it",
        section=Section.REGISTRIES,
    ),
)

_DEMO = (
    Flag(
        "keep",
        "Keep the folder of the demonstration and print how to go on with it.",
        kind=Kind.BOOL,
        default=False,
        commands=frozenset({DEMO}),
    ),
    Flag(
        "serve",
        "Serve the registry of a kept folder on the port its manifests name, until Ctrl-C.",
        commands=frozenset({DEMO}),
        metavar="DIR",
        path="dir",
    ),
)

_GIT = (
    Flag(
        "git-commit-user",
        "Author and committer of commits.",
        default="argocd-image-updater",
        env="GIT_COMMIT_USER",
        metavar="NAME",
        section=Section.GIT,
    ),
    Flag(
        "git-commit-email",
        "E-mail address of the author and committer.",
        default="noreply@argoproj.io",
        env="GIT_COMMIT_EMAIL",
        metavar="ADDRESS",
        section=Section.GIT,
    ),
    Flag(
        "git-commit-sign-off",
        "Add a Signed-off-by line to commit messages.",
        kind=Kind.BOOL,
        default=False,
        env="GIT_COMMIT_SIGN_OFF",
        section=Section.GIT,
    ),
    Flag(
        "git-commit-message-path",
        "Template of the commit message. Missing or empty: the built-in one.",
        default="/app/config/commit.template",
        metavar="FILE",
        path="file",
        section=Section.GIT,
    ),
    Flag(
        "git-batch-commits",
        "One commit per Application, per ImageUpdater, or one for everything that goes to a "
        "branch.",
        default="app",
        env="GIT_BATCH_COMMITS",
        choices=("app", "resource", "one"),
        section=Section.GIT,
    ),
    Flag(
        "git-cache-size",
        "What the local mirrors of all Git repositories may take together, in MiB.",
        kind=Kind.INT,
        default=1024,
        env="GIT_CACHE_SIZE",
        allowed=range(1, 1 << 20),
        metavar="MIB",
        section=Section.GIT,
    ),
    Flag(
        "git-shared-anchors",
        "What happens to a value in a YAML file that others share through an anchor: it is changed "
        "for all of them, which plan names, or the write is refused.",
        default="follow",
        env="GIT_SHARED_ANCHORS",
        choices=("follow", "refuse"),
        section=Section.GIT,
    ),
    Flag(
        "git-allow-local",
        "Allow file:// and local paths as Git repositories outside stand-alone mode. With "
        "--manifests they are always allowed.",
        kind=Kind.BOOL,
        default=False,
        section=Section.GIT,
    ),
    Flag(
        "git-commit-method",
        "How commits are made: with git, or by the API of GitHub where the credential is a GitHub "
        "App.",
        default="git",
        env="GIT_COMMIT_METHOD",
        choices=("git", "api", ""),
        section=Section.GIT,
    ),
    Flag(
        "git-commit-signing-key",
        "Key that signs commits: what gpg calls it, or the path of a file with the private key, "
        "which has no passphrase.",
        env="GIT_COMMIT_SIGNING_KEY",
        metavar="KEY",
        section=Section.GIT,
    ),
    Flag(
        "git-commit-signing-method",
        "Kind of signature.",
        default="openpgp",
        env="GIT_COMMIT_SIGNING_METHOD",
        choices=("openpgp", "ssh", ""),
        section=Section.GIT,
    ),
)

LOG_FORMATS = ("text", "json")

_OUTPUT = (
    Flag(
        "output",
        "What is printed on standard output: a table for people or JSON for machines.",
        default="table",
        choices=("table", "json"),
        section=Section.OUTPUT,
    ),
    Flag(
        "all",
        "List every tag, not only the newest.",
        kind=Kind.BOOL,
        default=False,
        commands=frozenset({EXPLAIN}),
        section=Section.OUTPUT,
    ),
    Flag(
        "loglevel",
        "Least important log lines to write. They go to standard error.",
        default="info",
        defaults=((PLAN, "warn"), (EXPLAIN, "warn")),
        env="IMAGE_UPDATER_LOGLEVEL",
        choices=LOG_LEVELS,
        ignore_case=True,
        section=Section.OUTPUT,
    ),
    Flag(
        "logformat",
        "Form of log lines.",
        default="text",
        env="IMAGE_UPDATER_LOGFORMAT",
        choices=LOG_FORMATS,
        section=Section.OUTPUT,
    ),
    Flag(
        "short",
        "Print the version alone.",
        kind=Kind.BOOL,
        default=False,
        commands=frozenset({VERSION}),
        section=Section.OUTPUT,
    ),
    Flag(
        "no-descriptions",
        "Leave the descriptions out of the completions.",
        kind=Kind.BOOL,
        default=False,
        commands=frozenset({COMPLETION}),
        section=Section.OUTPUT,
    ),
)


# A flag that means something of its own in one command has a row of its own for it. Such rows stand
# first, so that a name alone is that of the flag of all the other commands.
FLAGS: tuple[Flag, ...] = (
    *LOOK_UP_FLAGS,
    *_WORK,
    *_REGISTRIES,
    *_DEMO,
    *_GIT,
    *_OUTPUT,
    *CLUSTER_FLAGS,
)
BY_NAME = {flag.name: flag for flag in FLAGS}


def flags_of(command: str) -> tuple[Flag, ...]:
    """Return the flags of one command in the order of the help."""
    return tuple(flag for flag in FLAGS if command in flag.commands)

"""What users have in their clusters: one Application each, or what makes one, and its ImageUpdater.

A scene is a value. All of them are put up at once and run side by side, because most of the time is
spent waiting for Argo CD; a test then looks at one of them.
"""

from dataclasses import dataclass, field

import yaml

from stages.standalone import git_write_back, images, live, reference, resource
from stages.workloads import helm_chart, kustomize_folder, plain_folder

ARGOCD = "argocd"
# Namespaces beside that of Argo CD: one where it looks too, one where nothing of it runs.
TEAM, UNRUN = "team-a", "unrun"
OLD = {"created": "2024-01-01T00:00:00Z"}
NEW = {"created": "2024-06-01T00:00:00Z"}


@dataclass(frozen=True)
class Scene:
    """documents: what a user applies. before, after: Application → its live images."""

    name: str
    updater: dict
    before: dict
    after: dict
    documents: list
    files: dict = field(default_factory=dict)
    old: list = field(default_factory=list)
    new: list = field(default_factory=list)

    @property
    def namespace(self):
        return self.updater["metadata"]["namespace"]

    def prepare(self, stage):
        """Have everything there is before the first new image."""
        if self.files:
            stage.repository(self.name, self.files)
        push(stage, self.old)
        stage.create(*self.documents)

    def push_new(self, stage):
        push(stage, self.new)


def push(stage, pushed):
    """Push images: (image, tag, how it is made)."""
    for name, tag, options in pushed:
        stage.push(name, tag, **options)


def wait_for_checks(stage, scenes):
    """Wait until the program has looked at all these once more."""
    places = {}
    for scene in scenes:
        places.setdefault(scene.namespace, []).append(scene.name)
    for namespace, names in places.items():
        stage.wait_for_checks(*names, namespace=namespace)


def all_scenes(stage):
    """Return every scene by its name."""
    builders = (
        kustomize_semver, helm_newest_build, mutable_tag, several_images, helm_parameters,
        other_namespace, several_sources, source_hydrator, plugin, set_that_ignores,
        set_that_insists, parent_and_child, annotations, rolled_back, plain_manifests,
    )  # fmt: skip
    found = [build(stage) for build in builders]
    return {scene.name: scene for scene in found}


# --- Git ----------------------------------------------------------------------------------------


def kustomize_semver(stage):
    name, image = "kustomize", "kustomize/web"
    return Scene(
        name,
        files=kustomize_folder("web", {"web": (stage.image(image), "1.0.0")}),
        documents=[stage.application(name, stage.source(name, "web"))],
        updater=updater(name, images(web=stage.image(image, "1.x")), target="kustomization"),
        old=[(image, "1.0.0", OLD), (image, "2.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={name: [stage.image(image, "1.0.0")]},
        after={name: [stage.image(image, "1.1.0")]},
    )


def helm_newest_build(stage):
    name, image = "newest", "newest/web"
    listed = images(web=(stage.image(image), helm_target("web")))
    return Scene(
        name,
        files=helm_chart("web", {"web": (stage.image(image), "build-9")}),
        documents=[stage.application(name, stage.source(name, "web"))],
        updater=updater(name, listed, target="helmvalues", strategy="newest-build"),
        old=[(image, "build-9", OLD)],
        new=[(image, "build-10", NEW), (image, "build-99", {"created": "2023-01-01T00:00:00Z"})],
        before={name: [stage.image(image, "build-9")]},
        after={name: [stage.image(image, "build-10")]},
    )


def mutable_tag(stage):
    """The tag stays and its content changes; which digest is live afterwards the test asks."""
    name, image = "mutable", "mutable/web"
    return Scene(
        name,
        files=kustomize_folder("web", {"web": (stage.image(image), "stable")}),
        documents=[stage.application(name, stage.source(name, "web"))],
        updater=updater(
            name, images(web=stage.image(image, "stable")), target="kustomization",
            strategy="digest",
        ),
        old=[(image, "stable", OLD)],
        new=[(image, "stable", NEW)],
        before={name: [stage.image(image, "stable")]},
        after={},
    )  # fmt: skip


def several_images(stage):
    """Two images that both change, and one that does not run."""
    name = "several"
    web, api, job = (f"{name}/{part}" for part in ("web", "api", "job"))
    listed = images(
        web=(stage.image(web, "1.x"), helm_target("web")),
        api=(stage.image(api, "~2.3"), helm_target("api")),
        job=stage.image(job, "1.x"),
    )
    return Scene(
        name,
        files=helm_chart(
            "app", {"web": (stage.image(web), "1.0.0"), "api": (stage.image(api), "2.3.0")}
        ),
        documents=[stage.application(name, stage.source(name, "app"))],
        updater=updater(name, listed, target="helmvalues"),
        old=[(web, "1.0.0", OLD), (api, "2.3.0", OLD), (job, "1.0.0", OLD)],
        new=[(web, "1.0.1", NEW), (api, "2.3.9", NEW), (job, "1.1.0", NEW)],
        before={name: [stage.image(web, "1.0.0"), stage.image(api, "2.3.0")]},
        after={name: [stage.image(web, "1.0.1"), stage.image(api, "2.3.9")]},
    )


def plain_manifests(stage):
    """An Application of type Directory; each image has its file, and all go into one commit."""
    name = "plain"
    web, api = f"{name}/web", f"{name}/api"
    listed = images(
        web=stage.image(web, "1.x"),
        api=(stage.image(api, "2.x"), {"writeBackTarget": "manifest:api.yaml#Deployment/api"}),
    )
    return Scene(
        name,
        files=plain_folder(
            "app", {"web": (stage.image(web), "1.0.0"), "api": (stage.image(api), "2.0.0")}
        ),
        documents=[stage.application(name, stage.source(name, "app"))],
        updater=updater(name, listed, target="manifest:web.yaml"),
        old=[(web, "1.0.0", OLD), (api, "2.0.0", OLD)],
        new=[(web, "1.1.0", NEW), (api, "2.1.0", NEW)],
        before={name: [stage.image(web, "1.0.0"), stage.image(api, "2.0.0")]},
        after={name: [stage.image(web, "1.1.0"), stage.image(api, "2.1.0")]},
    )


def other_namespace(stage):
    """An Application outside Argo CD's namespace, with the override file that Argo CD reads."""
    name, image = "elsewhere", "elsewhere/web"
    application = stage.application(name, stage.source(name, "web"), namespace=TEAM)
    return Scene(
        name,
        files=kustomize_folder("web", {"web": (stage.image(image), "1.0.0")}),
        documents=[application],
        updater=updater(name, images(web=stage.image(image, "1.x")), target="", namespace=TEAM),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={name: [stage.image(image, "1.0.0")]},
        after={name: [stage.image(image, "1.1.0")]},
    )


def annotations(stage):
    name, image = "annotated", "annotated/web"
    prefix = "argocd-image-updater.argoproj.io"
    settings = {
        f"{prefix}/image-list": f"web={stage.image(image, '1.x')}",
        f"{prefix}/web.helm.image-name": "web.name",
        f"{prefix}/web.helm.image-tag": "web.tag",
        f"{prefix}/write-back-method": "git",
    }
    application = stage.application(name, stage.source(name, "web"), annotations=settings)
    return Scene(
        name,
        files=helm_chart("web", {"web": (stage.image(image), "1.0.0")}),
        documents=[application],
        updater=resource(name, [reference(name, useAnnotations=True)]),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={name: [stage.image(image, "1.0.0")]},
        after={name: [stage.image(image, "1.1.0")]},
    )


def rolled_back(stage):
    """Begins like the others; what the user does then is in the test."""
    name, image = "rollback", "rollback/web"
    return Scene(
        name,
        files=kustomize_folder("web", {"web": (stage.image(image), "1.0.0")}),
        documents=[stage.application(name, stage.source(name, "web"))],
        updater=updater(name, images(web=stage.image(image, "1.x")), target="kustomization"),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={name: [stage.image(image, "1.0.0")]},
        after={name: [stage.image(image, "1.1.0")]},
    )


def source_hydrator(stage):
    """As Argo CD writes it; nobody hydrates this one here."""
    name, image = "hydrated", "hydrated/web"
    application = stage.application(
        name, {}, namespace=UNRUN, status=live("Directory", stage.image(image, "1.0.0"))
    )
    del application["spec"]["source"]
    application["spec"]["sourceHydrator"] = {
        "drySource": stage.source(name, "web"),
        "syncSource": {"targetBranch": "env/prod", "path": "web"},
        "hydrateTo": {"targetBranch": "env/prod-next"},
    }
    listed = images(web=(stage.image(image, "1.x"), helm_target("web")))
    return Scene(
        name,
        files=helm_chart("web", {"web": (stage.image(image), "1.0.0")}),
        documents=[application],
        updater=updater(name, listed, target="helmvalues:values.yaml", namespace=UNRUN),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={},
        after={},
    )


# --- method argocd ------------------------------------------------------------------------------


def helm_parameters(stage):
    """The user's own parameter stays as it is."""
    name, image = "parameters", "parameters/web"
    mine = {"helm": {"parameters": [{"name": "replicas", "value": "1"}]}}
    listed = images(web=(stage.image(image, "1.x"), helm_target("web")))
    return Scene(
        name,
        files=helm_chart("web", {"web": (stage.image(image), "1.0.0")}),
        documents=[stage.application(name, stage.source(name, "web", **mine))],
        updater=updater(name, listed),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={name: [stage.image(image, "1.0.0")]},
        after={name: [stage.image(image, "1.1.0")]},
    )


def several_sources(stage):
    """One source is a Kustomize folder, one a chart; each image has its own."""
    name = "sources"
    web, api = f"{name}/web", f"{name}/api"
    folder = kustomize_folder("api", {"api": (stage.image(api), "2.0.0")})
    chart = helm_chart("web", {"web": (stage.image(web), "1.0.0")})
    sources = [stage.source(name, "api"), stage.source(name, "web")]
    listed = images(
        web=(stage.image(web, "1.x"), helm_target("web")),
        api=(
            stage.image(api, "2.x"),
            {"manifestTargets": {"kustomize": {"name": stage.image(api)}}},
        ),
    )
    return Scene(
        name,
        files={**folder, **chart},
        documents=[stage.application(name, *sources)],
        updater=updater(name, listed),
        old=[(web, "1.0.0", OLD), (api, "2.0.0", OLD)],
        new=[(web, "1.1.0", NEW), (api, "2.1.0", NEW)],
        before={name: [stage.image(web, "1.0.0"), stage.image(api, "2.0.0")]},
        after={name: [stage.image(web, "1.1.0"), stage.image(api, "2.1.0")]},
    )


def plugin(stage):
    """As Argo CD writes it; nobody runs the plugin here."""
    name, image = "plugin", "plugin/web"
    source = {
        "repoURL": "https://git.example/r.git", "path": "web", "targetRevision": "main",
        "plugin": {"name": "cmp", "env": [{"name": "STAGE", "value": "prod"}]},
    }  # fmt: skip
    status = live("Plugin", stage.image(image, "1.0.0"))
    target = {"manifestTargets": {"plugin": {"name": "IMAGE", "tag": "TAG"}}}
    return Scene(
        name,
        documents=[stage.application(name, source, namespace=UNRUN, status=status)],
        updater=updater(name, images(web=(stage.image(image, "1.x"), target)), namespace=UNRUN),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={},
        after={},
    )


# --- Applications that something else makes -----------------------------------------------------


def set_that_ignores(stage):
    """It does not look at the list that is written, as docs/write-back.md advises."""
    name = "set-ignores"
    ignored = [{"jsonPointers": ["/spec/source/kustomize/images"]}]
    return _generated(stage, name, ignoreApplicationDifferences=ignored)


def set_that_insists(stage):
    """It puts its own values back, so that what is written never lasts."""
    return _generated(stage, "set-insists")


def _generated(stage, name, **spec):
    image = f"{name}/web"
    template = stage.application(name, stage.source(name, "web"))
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": name, "namespace": ARGOCD},
        "spec": {
            "goTemplate": True,
            "generators": [{"list": {"elements": [{"name": name}]}}],
            "template": {"metadata": {"name": "{{.name}}"}, "spec": template["spec"]},
            **spec,
        },
    }
    return Scene(
        name,
        files=kustomize_folder("web", {"web": (stage.image(image), "1.0.0")}),
        documents=[document],
        updater=updater(name, images(web=stage.image(image, "1.x"))),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={name: [stage.image(image, "1.0.0")]},
        after={name: [stage.image(image, "1.1.0")]},
    )


def parent_and_child(stage):
    """The child's manifest says nothing about images, so that the parent sees no difference."""
    name, child, image = "parent", "child", "child/web"
    manifest = stage.application(child, stage.source(name, "web"))
    parent = stage.application(name, stage.source(name, "applications"))
    parent["spec"]["destination"]["namespace"] = ARGOCD
    return Scene(
        name,
        files={
            **kustomize_folder("web", {"web": (stage.image(image), "1.0.0")}),
            "applications/child.yaml": yaml.safe_dump(manifest).encode(),
        },
        documents=[parent],
        updater=updater(name, images(web=stage.image(image, "1.x")), pattern=child),
        old=[(image, "1.0.0", OLD)],
        new=[(image, "1.1.0", NEW)],
        before={name: [], child: [stage.image(image, "1.0.0")]},
        after={name: [], child: [stage.image(image, "1.1.0")]},
    )


# --- parts --------------------------------------------------------------------------------------


def updater(name, listed, *, target=None, strategy="semver", namespace=ARGOCD, pattern=""):
    """Return an ImageUpdater. target: of method git, empty = the override file; None = argocd."""
    method = git_write_back(target) if target is not None else {}
    return resource(
        name,
        [reference(pattern or name, listed)],
        namespace=namespace,
        commonUpdateSettings={"updateStrategy": strategy},
        **method,
    )


def helm_target(key):
    return {"manifestTargets": {"helm": {"name": f"{key}.name", "tag": f"{key}.tag"}}}

"""Small builders for tests of resolving."""

from argocd_image_updater.core.application import Application, ObjectKey, Origin, Source
from argocd_image_updater.core.resolution import Context, resolve
from argocd_image_updater.core.resource import decode_resource

GITOPS = "https://git.example.com/acme/gitops.git"
PREFIX = "argocd-image-updater.argoproj.io/"


def image(alias="web", name="ghcr.io/acme/web:1.x", **fields):
    return {"alias": alias, "imageName": name, **fields}


def resource(refs=None, *, name="iu", namespace="argocd", created="", **spec):
    metadata = {"name": name, "namespace": namespace}
    if created:
        metadata["creationTimestamp"] = created
    refs = refs if refs is not None else [{"namePattern": "*", "images": [image()]}]
    document = {"metadata": metadata, "spec": {"applicationRefs": refs, **spec}}
    found, _problems, _warnings = decode_resource(document, origin=Origin())
    assert found is not None
    return found


def application(name="web", *, namespace="argocd", source=None, source_type="Helm", **fields):
    return Application(
        ObjectKey(namespace, name),
        source=source or Source(GITOPS, path=f"apps/{name}", target_revision="main"),
        source_type=source_type,
        has_status=bool(source_type),
        **fields,
    )


def annotated(name="web", **annotations):
    keyed = {PREFIX + key.replace("__", "."): value for key, value in annotations.items()}
    return application(name, annotations=keyed)


def run(one, *applications, **context):
    return resolve(one, applications, context=Context(**context))

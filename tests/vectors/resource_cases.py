"""What the vector runners of resources share: decode inputs, show an intent as recorded."""

from argocd_image_updater.core.application import ObjectKey, Origin
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.filters import parse_allow_tags
from argocd_image_updater.core.platforms import parse_platforms
from argocd_image_updater.core.resolution import Context, resolve
from argocd_image_updater.core.resource import decode_resource
from argocd_image_updater.core.settings import TargetKind
from argocd_image_updater.core.snapshot import Secret

PLATFORM = "linux/amd64"


def read_resource(document):
    resource, _problems, _warnings = decode_resource(document, origin=Origin())
    assert resource is not None
    return resource


def read_application(document):
    application, problems, _warnings = decode_application(document, origin=Origin())
    assert application is not None, problems
    return application


def read_secrets(secrets):
    found = {}
    for name, data in secrets.items():
        key = ObjectKey(*name.split("/"))
        found[key] = Secret(key, {field: value.encode() for field, value in data.items()})
    return found


def resolve_case(case, applications, *, secrets=None, event_filter=None):
    context = Context(
        controller_namespace=case.get("controller_namespace", "argocd"),
        default_platform=PLATFORM,
        secrets=read_secrets(secrets or {}),
        event_filter=event_filter,
    )
    documents = [read_application(item) for item in applications]
    return resolve(read_resource(case["cr"]), documents, context=context)


def shown_image(image, *, secrets, namespace):
    reference = image.reference
    key = image.verify_key
    allow = parse_allow_tags(image.allow_tags)
    return {
        "alias": image.alias,
        "registry": reference.registry,
        "image_name": reference.name,
        "constraint": reference.tag.name if reference.tag else None,
        "digest": reference.tag.digest if reference.tag else None,
        "update_strategy": image.strategy.value,
        "force_update": image.force_update,
        "allow_tags": image.allow_tags,
        "allow_tags_matcher": shown_matcher(image.allow_tags, allow),
        "ignore_tags": list(image.ignore_tags),
        "pull_secret": image.pull_secret,
        "platforms": list(image.platforms),
        "platform_keys": list(parse_platforms(image.platforms, default=PLATFORM).wanted),
        "helm_name": image.target.helm_name,
        "helm_tag": image.target.helm_tag,
        "helm_spec": image.target.helm_spec,
        "kustomize_name": image.target.kustomize_name,
        "plugin_name": image.target.plugin_name,
        "plugin_tag": image.target.plugin_tag,
        "plugin_spec": image.target.plugin_spec,
        "kustomize_image": None
        if image.kustomize_image is None
        else {
            "alias": image.kustomize_image.alias,
            "registry": image.kustomize_image.registry,
            "image_name": image.kustomize_image.name,
        },
        "verify": image.verify_enabled,
        "cosign_key": secrets[f"{namespace}/{key.secret_name}"][key.key] if key else None,
    }


def lower_keys(images):
    """Return recorded images with platform keys as we write them: letter case does not matter."""
    return [
        image | {"platform_keys": sorted({key.lower() for key in image["platform_keys"]})}
        for image in images
    ]


def shown_matcher(text, allow):
    if not allow.valid:
        return "none"
    return "regexp" if text.lower().startswith("regexp:") else "any"


def same_path(ours, recorded):
    """Compare as paths: the recorded ones are not always normalised."""
    return normal(ours) == normal(recorded)


def normal(path):
    segments = []
    for segment in path.split("/"):
        if segment == ".." and segments and segments[-1] != "..":
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    return "/".join(segments)


def shown_write_back(ours, *, recorded):
    """Show a write-back in the words that are recorded.

    Paths are equal when they are equal normalised; the target beside a kustomization and a branch
    that is not configured say nothing.
    """
    request = ours.pull_request
    is_kustomization = ours.method == "git" and ours.target_kind is TargetKind.KUSTOMIZATION
    shown = {
        "method": ours.method,
        "git_repo": ours.repository,
        "pr_provider": request.provider if request else None,
        "pr_labels": list(request.labels if request else ()) or None,
        "git_write_branch": ours.push_branch,
        "git_branch": recorded.get("git_branch") and ours.base_branch,
        "kustomize_base": ours.target_path if is_kustomization else "",
        "target": recorded["target"] if is_kustomization else ours.target_path,
    }
    for key in ("kustomize_base", "target"):
        if same_path(shown[key], recorded[key]):
            shown[key] = recorded[key]
    return {key: value for key, value in shown.items() if key in recorded}


def shown_intent(intent, *, like, secrets=None):
    """Show an intent with the keys of a recorded one."""
    shown = {
        "selected": True,
        "ref": intent.pattern,
        "source_type": intent.source_type,
        "handled_as": intent.application_type,
        "write_back": shown_write_back(intent.write_back, recorded=like["write_back"]),
    }
    if like["images"] and isinstance(like["images"][0], str):
        shown["images"] = [image.alias for image in intent.images]
    else:
        namespace = intent.application.key.namespace
        shown["images"] = [
            shown_image(image, secrets=secrets or {}, namespace=namespace)
            for image in intent.images
        ]
    return {key: value for key, value in shown.items() if key in like}


def matches_recorded(case, resolution, *, change=None):
    """Whether one Application came out as recorded; ``change`` makes the better record of it."""
    if case.get("error"):
        return is_refused(resolution)
    expect = case["expect"]
    if not expect["selected"]:
        return not resolution.intents
    if len(resolution.intents) != 1:
        return False
    expect = {**expect, "images": lower_keys(expect["images"])}
    wanted = change(case, expect) if change else expect
    (intent,) = resolution.intents
    return shown_intent(intent, like=wanted, secrets=case.get("secrets")) == wanted


def is_refused(resolution):
    """An Application that is left alone, and the reason is told."""
    return not resolution.intents and bool(resolution.problems)

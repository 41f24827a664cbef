"""Override files: exact text of new files, and what an edit does to existing ones."""

from argocd_image_updater.core.application import EnvEntry, HelmParameter, Source
from argocd_image_updater.core.edits.override import edit_override
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.parameters.ownership import managed_helm, managed_plugin
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ApplicationType, ImageSettings, ManifestTarget

VECTORS = "argocd_source_file"

REFUSED = "refused"
DIGEST = "sha256:" + "ab" * 32
HELM = (
    "helm:\n  parameters:\n"
    "  - name: image.name\n    value: ghcr.io/acme/web\n    forcestring: true\n"
    "  - name: image.tag\n    value: v1\n    forcestring: true\n"
)
PLUGIN = (
    "plugin:\n  env:\n  - name: IMG\n    value: ghcr.io/acme/web\n  - name: TAG\n    value: v1\n"
)
# Better results of cases that record a defect, where the note tells them in words: what the product
# does not own stays, and a file that does not parse is refused.
BETTER = {
    "src-0010": REFUSED,
    "src-0011": "kustomize:\n  images:\n  - nginx:1\n" + HELM,
    "src-0013": (
        "helm:\n  parameters:\n  - value: nameless\n"
        "  - name: image.name\n    value: ghcr.io/acme/web\n    forcestring: true\n"
        "  - name: image.tag\n    value: v1\n    forcestring: true\n"
    ),
    "src-0014": "---\n" + HELM + "---\nhelm:\n  parameters:\n  - name: second\n    value: doc\n",
    "src-0015": HELM.replace("\n", "\r\n"),
    "src-0022": (
        "helm:\n  parameters:\n  - name: zeta\n    value: '1'\n    forcestring: false\n"
        "  - name: image.tag\n    value: v0\n    forceString: true\n"
        "  - name: api.image\n"
        f"    value: docker.io/acme/api:2.0@{DIGEST}\n    forcestring: true\n"
        "  - name: web.name\n    value: ghcr.io/acme/web\n    forcestring: true\n"
        '  - name: web.tag\n    value: "1.20"\n    forcestring: true\n'
    ),
    "src-0072": (
        "helm:\n  parameters:\n  - name: c\n    value: x\n  - name: b\n    value: y\n"
        + HELM.removeprefix("helm:\n  parameters:\n")
    ),
    "src-0104": "kustomize:\n  namePrefix: p-\n  images:\n  - acme/web:v1\n",
    "src-0106": (
        "kustomize:\n  namePrefix: p-\n  images:\n  - acme/web:v1\n"
        "  - ghcr.io/acme/web:v1\n  - redis:7.0\n"
    ),
    "src-0107": f"kustomize:\n  namePrefix: p-\n  images:\n  - acme/web:v1@{DIGEST}\n",
    "src-0116": "helm:\n  parameters: []\nkustomize:\n  images:\n  - acme/web:v1\n",
    "src-0117": "helm:\n  parameters: []\nkustomize:\n  images:\n  - web=ghcr.io/acme/web:v1\n",
    "src-0120": REFUSED,
    "src-0122": REFUSED,
    "src-0123": REFUSED,
    "src-0204": (
        "plugin:\n  name: cmp\n  env:\n  - name: OTHER\n    value: x\n"
        "  - name: TAG\n    value: v1\n  - name: IMG\n    value: ghcr.io/acme/web\n"
    ),
    "src-0208": "helm:\n  parameters: []\n" + PLUGIN,
    "src-0210": REFUSED,
    "src-0211": REFUSED,
    # an image with a variable for its tag alone is an image with variables
    "src-0219": "plugin:\n  env:\n  - name: TAG\n    value: v1\n",
}


def test_an_override_file_has_exactly_this_text_after_the_edit(case):
    outcome = edited(case)
    expected = case["expect"]["text"]
    if case["binding"]:
        assert outcome == expected
    elif case.get("source_block_missing"):
        # nothing is known of the list, so nothing may be lost
        assert outcome == (case["existing"] or "plugin:\n  env: []\n")
    else:
        better = BETTER.get(case["id"], case["existing"])
        assert outcome in (expected, better)


def edited(case):
    content = None if case["existing"] is None else case["existing"].encode()
    kind = ApplicationType(case["application_type"])
    lists = {
        "kind": kind,
        "helm": managed_helm(source_of(case), images_of(case)),
        "kustomize": case.get("kustomize_images") or (),
        "plugin": managed_plugin(source_of(case), images_of(case)),
        "file": ".argocd-source-web.yaml",
    }
    try:
        edit = edit_override(content, **lists)
    except EditRefused:
        return REFUSED
    if case["binding"]:
        assert edit.changed != case["expect"]["unchanged"]
    again = edit_override(edit.content, **lists)
    assert (again.content, again.changed) == (edit.content, False)
    return edit.content.decode()


def source_of(case):
    return Source(
        helm_parameters=tuple(
            HelmParameter(item["name"], item["value"], item.get("forceString", False))
            for item in case.get("helm_parameters") or ()
        ),
        plugin_env=tuple(
            EnvEntry(item["name"], item["value"]) for item in case.get("plugin_env") or ()
        ),
    )


def images_of(case):
    for image in case.get("images", ()):
        target = ManifestTarget(
            helm_name=image["helm_name"],
            helm_tag=image["helm_tag"],
            helm_spec=image["helm_spec"],
            plugin_name=image["env_name"],
            plugin_tag=image["env_tag"],
            plugin_spec=image["env_spec"],
        )
        yield ImageSettings(image["alias"], parse_image("x"), target=target)

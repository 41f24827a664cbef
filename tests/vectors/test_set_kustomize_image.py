"""Put one image into the Kustomize overrides of an Application."""

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, already_set, set_image
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.source_type import choose_source
from vectors.parameter_cases import application_of, settings_of, source_of, tag_of, types_of

VECTORS = "set_kustomize_image"

# Cases with a flag in words, and the better result.
BETTER = {
    "nginx over duplicates": ["nginx:1.2.3"],
    "nginx (docker.io) over duplicates": ["docker.io/nginx:1.2.3"],
    "port: same registry with port, image not listed": [
        "registry:5000/team/other:1.0",
        "registry:5000/team/app:1.0.1",
    ],
    "port: localhost image": ["localhost:5000/b:1", "localhost:5000/app:2"],
    "port: constraint not a valid tag loses the port": ["localhost:5000/app:2"],
    "aliased entries are collapsed when no name is configured": [
        "a=nginx:2",
        "b=nginx:2",
        "redis:1",
    ],
    "same path on two registries: both entries are rewritten": [
        "quay.io/acme/api:1.0",
        "ghcr.io/acme/api:2.0",
    ],
}


def test_an_image_is_set_in_kustomize_overrides(case):
    application = application_of(case)
    source_type, kind = types_of(case, application)
    source = source_of(application, source_type)
    ways = {
        "settings": settings_of(case),
        "application_type": kind,
        "source_type": source_type,
        "tag": tag_of(case),
    }
    changed = None
    if kind is not ApplicationType.UNSUPPORTED:
        try:
            changed = set_image(source, **ways)
        except TargetMismatch:
            assert case.get("error")
            return
    if case.get("error"):
        assert kind is not ApplicationType.KUSTOMIZE
        assert changed is None or changed.kustomize_images == source.kustomize_images
        return
    expected = BETTER.get(case["name"], case["expect"]["images"])
    assert list(changed.kustomize_images) == expected
    assert str(choose_source(application, source_type)) == case["expect"]["writeSource"]
    assert already_set(changed, **ways)
    assert set_image(changed, **ways) == changed

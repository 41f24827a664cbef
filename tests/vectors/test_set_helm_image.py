"""Put one image into the Helm parameters of an Application."""

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, set_image, with_source
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.source_type import choose_source
from vectors.parameter_cases import (
    application_of,
    settings_of,
    shown_parameters,
    source_of,
    tag_of,
    types_of,
)

VECTORS = "set_helm_image"

# Cases with a flag in words, and the better result.
BETTER = {
    "image localhost:5000/app:~1 as spec": [
        {"name": "app.image", "value": "localhost:5000/app:9.9.9", "forceString": True}
    ],
    "hydrator without helm block, status Helm: the change is lost": [
        {"name": "image.name", "value": "nginx", "forceString": True},
        {"name": "image.tag", "value": "2", "forceString": True},
    ],
}


def test_an_image_is_set_in_helm_parameters(case):
    application = application_of(case)
    source_type, kind = types_of(case, application)
    source = source_of(application, source_type)
    ref = choose_source(application, source_type)
    try:
        changed = set_image(
            source,
            settings=settings_of(case),
            application_type=kind,
            source_type=source_type,
            tag=tag_of(case),
        )
    except TargetMismatch:
        assert case.get("error")
        return
    if case.get("error"):
        # An Application of another type: its own list may change, Helm parameters never do.
        assert kind is not ApplicationType.HELM
        assert changed.helm_parameters == source.helm_parameters
        return
    expected = BETTER.get(case["name"], case["expect"]["parameters"])
    assert shown_parameters(changed) == expected
    assert str(ref) == case["expect"]["writeSource"]
    assert with_source(application, ref, changed).source_at(ref) == changed

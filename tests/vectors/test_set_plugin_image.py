"""Put one image into the environment of a configuration management plugin."""

import pytest

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, already_set, set_image
from argocd_image_updater.core.parameters.plugin import set_plugin, variable_names
from argocd_image_updater.core.source_type import choose_source
from vectors.parameter_cases import (
    application_of,
    settings_of,
    shown_env,
    source_of,
    tag_of,
    types_of,
)

VECTORS = "set_plugin_image"

# Cases with a flag in words, and the better result.
BETTER = {"hydrator plugin by status only: lost": [{"name": "IMG", "value": "nginx:1"}]}


def test_an_image_is_set_in_plugin_variables(case):
    application = application_of(case)
    source_type, kind = types_of(case, application)
    source = source_of(application, source_type)
    settings = settings_of(case)
    ways = {
        "settings": settings,
        "application_type": kind,
        "source_type": source_type,
        "tag": tag_of(case),
    }
    if case.get("error"):
        with pytest.raises(TargetMismatch):
            set_image(source, **ways)
        return
    if not variable_names(settings.target):
        # Nothing is written; for the image as a whole that is an error, not an update.
        unchanged = set_plugin(
            source.plugin_env or (), target=settings.target, image=settings.reference
        )
        assert list(unchanged) == case["expect"]["env"]
        with pytest.raises(TargetMismatch):
            set_image(source, **ways)
        return
    changed = set_image(source, **ways)
    assert shown_env(changed) == BETTER.get(case["name"], case["expect"]["env"])
    assert str(choose_source(application, source_type)) == case["expect"]["writeSource"]
    assert already_set(changed, **ways)

"""Read the image that an Application's source asks for now."""

import pytest

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, current_image
from vectors.parameter_cases import application_of, settings_of, source_of, types_of

VECTORS = "get_current_from_params"


def test_the_image_a_source_asks_for_is_read(case):
    application = application_of(case)
    source_type, kind = types_of(case, application)

    def read() -> str:
        return current_image(
            source_of(application, source_type),
            settings=settings_of(case),
            application_type=kind,
            source_type=source_type,
        )

    if case.get("error"):
        with pytest.raises(TargetMismatch):
            read()
    else:
        assert read() == case["expect"]["image"]

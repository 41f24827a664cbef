"""Sessions over folders that need neither a registry nor a repository to come to an end."""

import asyncio

import pytest
import yaml

from argocd_image_updater.controller.standalone import StandaloneOptions, StandaloneSession
from argocd_image_updater.core.reasons import Reason

IMAGE = "registry.invalid/web"
APPLICATION = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "shop", "namespace": "argocd"},
    "spec": {
        "source": {
            "repoURL": "https://git.invalid/shop.git",
            "chart": "shop",
            "targetRevision": "1.0.0",
            "helm": {"parameters": [{"name": "image.tag", "value": "1.0.0"}]},
        }
    },
    "status": {"sourceType": "Helm", "summary": {"images": [f"{IMAGE}:1.0.0"]}},
}


def resource(*, pattern="shop", **settings):
    image = {"alias": "web", "imageName": f"{IMAGE}:1.x", "commonUpdateSettings": settings}
    return {
        "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
        "kind": "ImageUpdater",
        "metadata": {"name": "updater", "namespace": "argocd"},
        "spec": {"applicationRefs": [{"namePattern": pattern, "images": [image]}]},
    }


@pytest.fixture
def cycle(tmp_path):
    """Run one cycle over objects and return its report."""

    def run(*objects, **options):
        folder = tmp_path / "manifests"
        folder.mkdir()
        (folder / "all.yaml").write_text(yaml.safe_dump_all(objects))

        async def work():
            wanted = StandaloneOptions((folder,), tmp_path / "state", dry_run=True, **options)
            async with StandaloneSession(wanted) as session:
                return await session.run_cycle()

        return asyncio.run(work())

    return run


def test_a_resource_that_selects_nothing_is_named(cycle):
    report = cycle(APPLICATION, resource(pattern="shpo"))
    [warning] = report.warnings
    assert warning.startswith("ImageUpdater argocd/updater selects no Application")


@pytest.mark.parametrize(
    ("reference", "options", "flag"),
    [
        (
            "env:LOGIN",
            {"image_credential_sources": frozenset({"ext"})},
            "--image-credential-sources",
        ),
        ("secret:vault/login#pair", {}, "--shared-secret-namespaces"),
    ],
)
def test_a_refused_credential_names_the_flag_that_allows_it(cycle, reference, options, flag):
    report = cycle(APPLICATION, resource(pullSecret=reference), **options)
    [decision] = report.decisions
    assert decision.reason is Reason.SECRET_REFUSED
    assert flag in decision.message


@pytest.mark.parametrize(
    ("reference", "options"),
    [
        ("env:LOGIN", {}),
        ("env:LOGIN", {"image_credential_sources": frozenset({"env"})}),
        ("secret:vault/login#pair", {"shared_secret_namespaces": frozenset({"vault"})}),
    ],
)
def test_what_is_allowed_is_looked_for(cycle, reference, options):
    report = cycle(APPLICATION, resource(pullSecret=reference), **options)
    [decision] = report.decisions
    assert decision.reason is Reason.CREDENTIALS_UNAVAILABLE


def test_a_program_ends_after_the_time_it_was_given(cycle, tmp_path):
    program = tmp_path / "login"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    report = cycle(
        APPLICATION, resource(pullSecret=f"ext:{program}"), credential_program_timeout_s=0.2
    )
    [decision] = report.decisions
    assert "did not end within 0.2 s" in decision.message

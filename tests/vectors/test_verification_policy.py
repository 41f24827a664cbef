"""imagesVerification merged over the three levels."""

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.image_settings import ImageDraft, settle_image
from argocd_image_updater.core.inheritance import layers_of
from argocd_image_updater.core.resource import VerificationBlock
from argocd_image_updater.core.settings import CosignKey, Downgrade, ImageSettings
from vectors.resource_cases import read_secrets

VECTORS = "verification_policy"


def block(level):
    if level is None:
        return None
    key = level.get("cosignKey")
    return VerificationBlock(
        enabled=level.get("enabled"),
        cosign_key=key and CosignKey(key["secretName"], key["key"]),
    )


def test_verification_is_merged_over_the_levels(case):
    namespace = case["application_namespace"]
    secrets = read_secrets(
        {f"{item['namespace']}/{item['name']}": item["data"] for item in case["secrets"]}
    )
    levels = ("global", "application_ref", "image")
    draft = ImageDraft(
        alias="a",
        image_name="nginx",
        common=(),
        verification=layers_of((name, block(case[name])) for name in levels),
        targets=None,
        origin="image",
        field_path="",
    )
    settled = settle_image(
        draft,
        namespace=namespace,
        secrets=secrets,
        default_platform="",
        default_downgrade=Downgrade.NEVER,
    )
    if case.get("error"):
        assert not isinstance(settled, ImageSettings)
        return
    expect = case["expect"]
    assert settled.verify_enabled is (expect["verification"] == "on")
    if settled.verify_enabled:
        key = settled.verify_key
        data = secrets[ObjectKey(namespace, key.secret_name)].data
        assert data[key.key].decode() == expect["key"]
    else:
        assert settled.verify_key is None

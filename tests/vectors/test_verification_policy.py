"""imagesVerification merged over the three levels."""

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.image_settings import ImageDraft, settle_image
from argocd_image_updater.core.inheritance import layers_of
from argocd_image_updater.core.resource import VerificationBlock
from argocd_image_updater.core.settings import CosignKey, Downgrade, ImageSettings
from vectors.flags import is_flagged
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
        {f"{item['namespace']}/{item['name']}": item["data"] for item in case.get("secrets") or ()}
    )
    levels = ("global", "application_ref", "image")
    draft = ImageDraft(
        alias="a",
        image_name="nginx",
        common=(),
        verification=layers_of((name, block(case.get(name))) for name in levels),
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
    recorded = None if case.get("error") else case["expect"]
    outcome = outcome_of(settled, secrets=secrets, namespace=namespace)
    # Better, whatever the words of a flag: an image that could not be verified is left out.
    assert outcome == recorded or (is_flagged(case) and outcome is None)


def outcome_of(settled, *, secrets, namespace):
    """Return whether the image is verified and with which key; None where it is left out."""
    if not isinstance(settled, ImageSettings):
        return None
    if not settled.verify_enabled:
        assert settled.verify_key is None
        return {"verification": "off"}
    key = settled.verify_key
    data = secrets[ObjectKey(namespace, key.secret_name)].data
    return {"verification": "on", "key": data[key.key].decode()}

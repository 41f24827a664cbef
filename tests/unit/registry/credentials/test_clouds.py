"""Which host belongs to which cloud, and which only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.clouds.library import Cloud
from argocd_image_updater.registry.credentials.clouds import (
    CloudRegistry,
    find_cloud_registry,
    is_aws_region,
)

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("host", "region", "fips"),
    [
        (f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", False),
        (f"{ACCOUNT}.dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1", False),
        (f"{ACCOUNT}.dkr.ecr-fips.us-east-2.amazonaws.com", "us-east-2", True),
        (f"{ACCOUNT}.dkr.ecr.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1", False),
        (f"{ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", False),
        (f"{ACCOUNT}.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", False),
        (f"{ACCOUNT}.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", False),
        (f"{ACCOUNT}.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", False),
        (f"{ACCOUNT}.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", False),
        (f"{ACCOUNT}.dkr-ecr.ap-southeast-2.on.aws", "ap-southeast-2", False),
        (f"{ACCOUNT}.dkr-ecr-fips.us-gov-east-1.on.aws", "us-gov-east-1", True),
        (f"{ACCOUNT}.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", False),
    ],
)
def test_a_private_registry_of_aws_tells_its_region_and_kind_of_endpoint(host, region, fips):
    expected = CloudRegistry(Cloud.AWS, host, region=region, fips=fips)
    assert find_cloud_registry(f"https://{host}") == expected
    assert find_cloud_registry(f"https://{host.upper()}:443/") == expected


@pytest.mark.parametrize(
    ("host", "cloud"),
    [
        ("gcr.io", Cloud.GCP),
        ("eu.gcr.io", Cloud.GCP),
        ("europe-west1-docker.pkg.dev", Cloud.GCP),
        ("docker.us-central1.rep.pkg.dev", Cloud.GCP),
        ("acme.azurecr.io", Cloud.AZURE),
        ("acme-b7c2f0.azurecr.io", Cloud.AZURE),
        ("acme.azurecr.cn", Cloud.AZURE),
        ("acme.azurecr.us", Cloud.AZURE),
    ],
)
def test_registries_of_google_and_azure_are_known_by_their_domains(host, cloud):
    assert find_cloud_registry(f"https://{host}") == CloudRegistry(cloud, host)


@pytest.mark.parametrize(
    ("host", "cloud"),
    [
        ("public.ecr.aws", Cloud.AWS),
        ("mirror.gcr.io", Cloud.GCP),
        ("mcr.microsoft.com", Cloud.AZURE),
    ],
)
def test_what_serves_everybody_is_marked(host, cloud):
    found = find_cloud_registry(f"https://{host}")
    assert (found.cloud, found.public) == (cloud, True)
    assert found.region == ("us-east-1" if cloud is Cloud.AWS else "")


@pytest.mark.parametrize(
    "url",
    [
        f"http://{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com",
        f"https://{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com:8443",
        f"https://{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com.evil.test",
        f"https://{ACCOUNT}.dkr.ecr.eu-west-1.evil.amazonaws.com",
        f"https://x{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com",
        f"https://{ACCOUNT}.dkr.ecr..amazonaws.com",
        f"https://user@{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com",
        "https://bucket.s3.amazonaws.com",
        "https://evilgcr.io",
        "https://gcr.io.evil.test",
        "https://evilpkg.dev",
        "http://gcr.io",
        "https://azurecr.io",
        "https://a.b.azurecr.io",
        "https://acme.azurecr.io.evil.test",
        "https://acmeazurecr.io",
        "https://[azurecr.io",
        "https://acme.azurecr.io:port",
        "https://registry-1.docker.io",
        "acme.azurecr.io",
        "",
    ],
)
def test_what_only_looks_like_a_cloud_is_none(url):
    assert find_cloud_registry(url) is None


@given(st.text(max_size=60))
def test_nothing_that_is_put_behind_a_host_makes_it_a_cloud(tail):
    found = find_cloud_registry(f"https://registry.test/{tail}")
    assert found is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("eu-west-1", True), ("us-gov-east-1", True), ("eu-west-1/", False), ("auto", False)],
)
def test_a_region_has_a_form(text, expected):
    assert is_aws_region(text) is expected

"""Which cloud a registry belongs to, by the name of its host: pure, no question is asked.

Invariant: a host is recognised only where its name lies in a domain of the cloud's operator and the
connection is encrypted, so that a token can never reach anybody but the cloud that issued it. Names
are compared as a whole, in any letter case; a port other than 443 is not the cloud's registry.
Registries that serve everybody (``public.ecr.aws``, ``mirror.gcr.io``, ``mcr.microsoft.com``) are
known for what they are: they need no identity, and get one only where an entry asks for it.
Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html,
https://cloud.google.com/artifact-registry/docs/docker/names and
https://learn.microsoft.com/azure/container-registry/container-registry-concepts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from argocd_image_updater.clouds.library import Cloud


@dataclass(frozen=True, slots=True)
class CloudRegistry:
    """What the name of a host tells.

    region: of AWS, where tokens are issued. fips: by its validated endpoints. public: serves
    everybody.
    """

    cloud: Cloud
    host: str
    region: str = ""
    fips: bool = False
    public: bool = False


# The public registry of AWS has one place that issues its tokens.
AWS_PUBLIC_REGION = "us-east-1"

_HTTPS_PORT = 443
_LONGEST_NAME = 253  # of a host (RFC 1035)
_AWS_REGION = r"[a-z]{2,8}(?:-[a-z]{2,16}){1,3}-[0-9]{1,2}"
# A domain for each partition: worldwide and GovCloud, China, Europe, and the four isolated ones.
_AWS_DOMAINS = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)
_AWS_DUAL_STACK_DOMAINS = ("on.aws", "on.amazonwebservices.com.cn", "on.amazonwebservices.eu")
_AWS_REGISTRY = re.compile(
    r"[0-9]{12}\.(?:"
    rf"dkr\.ecr(?P<fips4>-fips)?\.(?P<region4>{_AWS_REGION})"
    rf"\.(?:{'|'.join(map(re.escape, _AWS_DOMAINS))})|"
    rf"dkr-ecr(?P<fips6>-fips)?\.(?P<region6>{_AWS_REGION})"
    rf"\.(?:{'|'.join(map(re.escape, _AWS_DUAL_STACK_DOMAINS))}))"
)
_AWS_PUBLIC = frozenset(("public.ecr.aws", "ecr-public.aws.com"))
_GCP_SUFFIXES = (".gcr.io", ".pkg.dev")
_GCP_PUBLIC = frozenset(("mirror.gcr.io", "k8s.gcr.io"))
_AZURE_REGISTRY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.azurecr\.(?:io|cn|us)")
_AZURE_PUBLIC = frozenset(("mcr.microsoft.com", "mcr.azk8s.cn"))


def find_cloud_registry(api_url: str) -> CloudRegistry | None:
    """Return what cloud serves the registry at this URL, or None for any other registry."""
    host = _encrypted_host(api_url)
    if not host:
        return None
    return _aws(host) or _gcp(host) or _azure(host)


def is_aws_region(text: str) -> bool:
    """Tell whether a text has the form of a region's name."""
    return re.fullmatch(_AWS_REGION, text) is not None


def _encrypted_host(api_url: str) -> str:
    """Return the host in lower case; empty without HTTPS, with a user, or on a port of its own."""
    try:
        url = urlsplit(api_url)
        host, port = (url.hostname or "").lower(), url.port
    except ValueError:
        return ""
    if url.scheme.lower() != "https" or url.username is not None or len(host) > _LONGEST_NAME:
        return ""
    return host if port in (None, _HTTPS_PORT) else ""


def _aws(host: str) -> CloudRegistry | None:
    if host in _AWS_PUBLIC:
        return CloudRegistry(Cloud.AWS, host, region=AWS_PUBLIC_REGION, public=True)
    found = _AWS_REGISTRY.fullmatch(host)
    if not found:
        return None
    region = found["region4"] or found["region6"]
    return CloudRegistry(
        Cloud.AWS, host, region=region, fips=bool(found["fips4"] or found["fips6"])
    )


def _gcp(host: str) -> CloudRegistry | None:
    if host in _GCP_PUBLIC:
        return CloudRegistry(Cloud.GCP, host, public=True)
    if host == "gcr.io" or host.endswith(_GCP_SUFFIXES):
        return CloudRegistry(Cloud.GCP, host)
    return None


def _azure(host: str) -> CloudRegistry | None:
    if host in _AZURE_PUBLIC:
        return CloudRegistry(Cloud.AZURE, host, public=True)
    return CloudRegistry(Cloud.AZURE, host) if _AZURE_REGISTRY.fullmatch(host) else None

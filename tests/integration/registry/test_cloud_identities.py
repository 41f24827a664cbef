"""Identities of clouds: the vendors' libraries against their protocols, then a real registry."""

import asyncio
import json
import os
import time

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from argocd_image_updater.clouds import library
from argocd_image_updater.clouds.library import Cloud, CloudIdentityError, in_thread
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry.credentials import aws, azure, gcp
from argocd_image_updater.registry.credentials.cloud_identities import CloudIdentities
from argocd_image_updater.registry.credentials.reference import parse_credential_reference
from argocd_image_updater.registry.endpoint import Credentials
from argocd_image_updater.registry.network import RegistryNetwork
from registries.acr_front import AcrFront
from registries.cloud_services import (
    ACR_TOKEN,
    AZURE_USER,
    CLIENT,
    ECR_TOKEN,
    GOOGLE_TOKEN,
    LOGINS,
    POD_TOKEN,
    ROLE,
    SECRETS,
    TENANT,
    CloudServices,
    server_context,
)
from registries.distribution import DistributionRegistry, basic_header
from registries.identities import endpoint_of

pytestmark = pytest.mark.lab("docker-registry")
PREFIXES = ("AWS_", "GOOGLE_", "GCE_", "AZURE_", "CLOUDSDK_", "IDENTITY_", "MSI_")
HALF_A_DAY = 43_200


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Nothing of this machine's clouds; set variables with the returned function."""
    for name in os.environ:
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "*")

    def use(**variables):
        for name, value in variables.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, str(value))

    return use


@pytest.fixture
def services():
    with CloudServices() as running:
        yield running


@pytest.fixture
def entra(environment, tmp_path):
    """Entra ID over TLS, as its library insists."""
    context, bundle = server_context(trustme.CA(), tmp_path)
    with CloudServices(tls=context, life_s=3_600) as running:
        environment(AZURE_AUTHORITY_HOST=running.url, REQUESTS_CA_BUNDLE=bundle)
        yield running


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry that accepts the tokens of the services and nothing else."""
    file = tmp_path_factory.mktemp("logins") / "htpasswd"
    file.write_text("\n".join(LOGINS) + "\n")
    auth = {"htpasswd": {"realm": "test", "path": str(file)}}
    header = basic_header("AWS", ECR_TOKEN)
    with DistributionRegistry(auth=auth, push_authorization=header) as running:
        running.push_image("team/app", "1.0.0")
        yield running


@pytest.fixture
async def network():
    opened = RegistryNetwork()
    yield opened
    await opened.aclose()


def token_file(folder):
    file = folder / "token"
    file.write_text(POD_TOKEN)
    return file


def log_in_to_aws(**more):
    settings = {"region": "eu-west-1", "fips": False, "public": False, **more}
    return in_thread(Cloud.AWS, lambda: aws.log_in(unix=time.time, **settings), docs="docs")


def log_in_to_google():
    return in_thread(Cloud.GCP, lambda: gcp.log_in(unix=time.time), docs="docs")


def entra_token(client_id=""):
    return in_thread(
        Cloud.AZURE,
        lambda: azure.entra_token(client_id, environ=os.environ, unix=time.time),
        docs="docs",
    )


def is_silent(text):
    return not any(secret in text for secret in SECRETS | {POD_TOKEN})


# --- AWS ----------------------------------------------------------------------------------------


async def test_a_web_identity_becomes_a_role_and_the_role_a_login(environment, services, tmp_path):
    environment(
        AWS_WEB_IDENTITY_TOKEN_FILE=token_file(tmp_path),
        AWS_ROLE_ARN=ROLE,
        AWS_ENDPOINT_URL_STS=services.url,
        AWS_ENDPOINT_URL_ECR=services.url,
    )
    login = await log_in_to_aws()
    assert (login.username, login.password) == ("AWS", ECR_TOKEN)
    assert login.life_s == pytest.approx(HALF_A_DAY, abs=60)
    assert login.identity == "web identity of the service account"
    assert services.asked == ["sts", "ecr eu-west-1"]
    assert is_silent(repr(login))


async def test_pod_identity_is_asked_with_the_token_of_the_pod(environment, services, tmp_path):
    environment(
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{services.url}/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token_file(tmp_path),
        AWS_ENDPOINT_URL_ECR=services.url,
    )
    login = await log_in_to_aws(region="cn-north-1")
    assert login.identity == "Pod Identity"
    assert services.asked == ["pod-identity", "ecr cn-north-1"]


async def test_an_instance_profile_is_read_in_a_session_of_the_metadata(environment, services):
    environment(
        AWS_EC2_METADATA_DISABLED=None,
        AWS_EC2_METADATA_SERVICE_ENDPOINT=services.url,
        AWS_ENDPOINT_URL_ECR=services.url,
    )
    login = await log_in_to_aws()
    assert login.identity == "instance profile"
    assert services.asked[:2] == ["aws-metadata-session", "aws-metadata-role"]
    assert services.asked[-1] == "ecr eu-west-1"


async def test_the_public_registry_has_a_service_of_its_own(environment, services):
    environment(
        AWS_ACCESS_KEY_ID="AKIATESTTESTTEST",
        AWS_SECRET_ACCESS_KEY="key-of-the-role",
        AWS_ENDPOINT_URL_ECR_PUBLIC=services.url,
    )
    login = await log_in_to_aws(region="us-east-1", public=True)
    assert (login.password, login.identity) == (ECR_TOKEN, "access key in the environment")
    assert services.asked == ["ecr-public us-east-1"]


async def test_no_identity_at_all_is_said(environment):
    environment()
    with pytest.raises(CloudIdentityError, match="no AWS identity was found"):
        await log_in_to_aws()


async def test_a_role_that_may_not_ask_is_told_what_it_lacks(environment, services):
    environment(
        AWS_ACCESS_KEY_ID="AKIATESTTESTTEST",
        AWS_SECRET_ACCESS_KEY="key-of-the-role",
        AWS_ENDPOINT_URL_ECR=services.url,
    )
    services.refuse = {"ecr eu-west-1"}
    with pytest.raises(CloudIdentityError) as caught:
        await log_in_to_aws()
    assert "refused GetAuthorizationToken (AccessDeniedException)" in str(caught.value)
    assert "allow ecr:GetAuthorizationToken to the role" in str(caught.value)
    assert is_silent(str(caught.value))


async def test_a_refused_web_identity_names_the_step_and_repeats_no_token(
    environment, services, tmp_path
):
    environment(
        AWS_WEB_IDENTITY_TOKEN_FILE=token_file(tmp_path),
        AWS_ROLE_ARN=ROLE,
        AWS_ENDPOINT_URL_STS=services.url,
    )
    services.refuse = {"sts"}
    with pytest.raises(CloudIdentityError) as caught:
        await log_in_to_aws()
    assert "refused AssumeRoleWithWebIdentity (InvalidIdentityToken)" in str(caught.value)
    assert is_silent(str(caught.value))


async def test_a_token_file_that_is_gone_is_a_failed_login(environment, tmp_path):
    environment(AWS_WEB_IDENTITY_TOKEN_FILE=tmp_path / "gone", AWS_ROLE_ARN=ROLE)
    with pytest.raises(CloudIdentityError, match="FileNotFoundError"):
        await log_in_to_aws()


# --- Google -------------------------------------------------------------------------------------


def service_account(folder, token_url):
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "key.json"
    document = {
        "type": "service_account",
        "project_id": "p",
        "private_key": pem.decode(),
        "client_email": "reader@p.iam.gserviceaccount.com",
        "token_uri": token_url,
    }
    file.write_text(json.dumps(document))
    return file


async def test_a_service_account_signs_for_its_token(environment, services, tmp_path):
    environment(GOOGLE_APPLICATION_CREDENTIALS=service_account(tmp_path, f"{services.url}/token"))
    login = await log_in_to_google()
    assert (login.username, login.password) == ("oauth2accesstoken", GOOGLE_TOKEN)
    assert login.life_s == pytest.approx(HALF_A_DAY, abs=60)
    assert login.identity == "service account key"
    assert services.asked == ["google-token"]


async def test_a_foreign_token_is_exchanged_by_workload_identity_federation(
    environment, services, tmp_path
):
    file = tmp_path / "federation.json"
    pool = "locations/global/workloadIdentityPools/pool/providers/cluster"
    document = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/projects/123/{pool}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{services.url}/v1/token",
        "credential_source": {"file": str(token_file(tmp_path))},
    }
    file.write_text(json.dumps(document))
    environment(GOOGLE_APPLICATION_CREDENTIALS=file)
    login = await log_in_to_google()
    assert (login.password, login.identity) == (GOOGLE_TOKEN, "workload identity federation")
    assert services.asked == ["google-sts"]


async def test_the_metadata_server_gives_the_token_of_the_pod(environment, services, monkeypatch):
    # The library reads GCE_METADATA_HOST when it is imported, which happened before.
    metadata = "google.auth.compute_engine._metadata"
    monkeypatch.setattr(f"{metadata}._GCE_METADATA_HOST", services.host)
    environment(GCE_METADATA_IP=services.host)
    login = await log_in_to_google()
    assert (login.password, login.identity) == (GOOGLE_TOKEN, "metadata server")
    assert services.asked[-1] == "google-metadata-token"


async def test_a_refused_key_names_the_code_and_nothing_that_was_sent(
    environment, services, tmp_path
):
    environment(GOOGLE_APPLICATION_CREDENTIALS=service_account(tmp_path, f"{services.url}/token"))
    services.refuse = {"google-token"}
    with pytest.raises(CloudIdentityError) as caught:
        await log_in_to_google()
    assert "refused a token to the service account key (invalid_grant)" in str(caught.value)
    assert is_silent(str(caught.value))


async def test_no_identity_of_google_is_said(environment, monkeypatch):
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    environment()
    with pytest.raises(CloudIdentityError, match="no Google identity was found"):
        await log_in_to_google()


# --- Azure --------------------------------------------------------------------------------------


async def test_a_workload_identity_is_asserted_with_the_token_of_the_pod(
    environment, entra, tmp_path
):
    environment(
        AZURE_FEDERATED_TOKEN_FILE=token_file(tmp_path),
        AZURE_TENANT_ID=TENANT,
        AZURE_CLIENT_ID=CLIENT,
    )
    token = await entra_token()
    assert token.life_s == pytest.approx(3_600, abs=60)
    assert entra.asked[-1] == "entra"


async def test_a_client_id_chooses_among_workload_identities(environment, entra, tmp_path):
    environment(
        AZURE_FEDERATED_TOKEN_FILE=token_file(tmp_path),
        AZURE_TENANT_ID=TENANT,
        AZURE_CLIENT_ID="another",
    )
    await entra_token(CLIENT)
    assert entra.asked[-1] == "entra"


async def test_a_service_principal_has_a_secret(environment, entra):
    environment(
        AZURE_TENANT_ID=TENANT, AZURE_CLIENT_ID=CLIENT, AZURE_CLIENT_SECRET="key-of-the-role"
    )
    await entra_token()
    assert entra.asked[-1] == "entra"
    entra.refuse = {"entra"}
    with pytest.raises(CloudIdentityError) as caught:
        await entra_token()
    assert "refused a token to the service principal (AADSTS700016)" in str(caught.value)
    assert is_silent(str(caught.value))


async def test_a_managed_identity_is_asked_at_the_machine(environment, services):
    environment(AZURE_POD_IDENTITY_AUTHORITY_HOST=services.url)
    token = await entra_token()
    assert token.life_s == pytest.approx(HALF_A_DAY, abs=60)
    assert services.asked == ["azure-metadata"]


# --- the whole chain ----------------------------------------------------------------------------


def identities(network, **more):
    return CloudIdentities(network.traffic, environ=os.environ, **more)


class Chain:
    """Credentials of one endpoint for a client."""

    def __init__(self, network, reference, endpoint):
        self.identities = identities(network)
        self._reference = parse_credential_reference(reference)
        self._endpoint = endpoint

    async def __call__(self):
        return await self.identities.log_in(self._reference, self._endpoint)

    def invalidate(self, used):
        self.identities.drop(used)


async def list_tags(network, reference, api_url):
    endpoint = endpoint_of(api_url)
    chain = Chain(network, reference, endpoint)
    clients = [network.client(endpoint, "team/app", credentials=chain) for _ in range(5)]
    answers = await asyncio.gather(*(client.list_tags() for client in clients))
    assert {answer.tags for answer in answers} == {("1.0.0",)}
    return await chain()


async def test_a_registry_accepts_the_login_of_aws(environment, services, registry, network):
    environment(
        AWS_ACCESS_KEY_ID="AKIATESTTESTTEST",
        AWS_SECRET_ACCESS_KEY="key-of-the-role",
        AWS_ENDPOINT_URL_ECR=services.url,
    )
    used = await list_tags(network, "aws:eu-west-1", registry.url)
    assert used.source == "aws:eu-west-1 (access key in the environment)"
    assert services.asked == ["ecr eu-west-1"]  # one for five who asked


async def test_a_registry_accepts_the_login_of_google(
    environment, services, registry, network, tmp_path
):
    environment(GOOGLE_APPLICATION_CREDENTIALS=service_account(tmp_path, f"{services.url}/token"))
    used = await list_tags(network, "gcp:auto", registry.url)
    assert used.source == "gcp:auto (service account key)"
    assert services.asked == ["google-token"]


async def test_a_registry_of_azure_trades_the_token_for_its_login(
    environment, services, registry, network
):
    environment(AZURE_POD_IDENTITY_AUTHORITY_HOST=services.url)
    with AcrFront(registry) as front:
        used = await list_tags(network, "azure:auto", front.url)
        assert used == Credentials(AZURE_USER, ACR_TOKEN, "azure:auto (managed identity)")
        assert front.exchanges == 1
    assert services.asked == ["azure-metadata"]


async def test_a_registry_of_azure_that_refuses_the_identity_is_asked_with_a_new_token(
    environment, services, registry, network
):
    environment(AZURE_POD_IDENTITY_AUTHORITY_HOST=services.url)
    clock = [1_000.0]
    network.traffic.timing = Timing(monotonic=lambda: clock[0])
    reference = parse_credential_reference("azure:auto")
    with AcrFront(registry) as front:
        own = identities(network)
        endpoint = endpoint_of(front.url)
        front.refuses = True
        with pytest.raises(CloudIdentityError) as caught:
            await own.log_in(reference, endpoint)
        assert "refused the managed identity; give it the role AcrPull" in str(caught.value)
        assert is_silent(str(caught.value))
        front.refuses = False
        with pytest.raises(CloudIdentityError):  # of a moment ago
            await own.log_in(reference, endpoint)
        clock[0] += 100
        assert (await own.log_in(reference, endpoint)).password == ACR_TOKEN


# --- what surrounds the libraries ---------------------------------------------------------------


async def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch):
    def absent():
        raise ModuleNotFoundError("No module named 'botocore'", name="botocore")

    with pytest.raises(CloudIdentityError) as caught:
        await in_thread(Cloud.AWS, absent, docs="docs")
    assert "pip install 'argocd-image-updater[aws]'" in str(caught.value)


async def test_a_login_has_a_deadline(monkeypatch):
    monkeypatch.setattr(library, "LOGIN_S", 0.01)
    with pytest.raises(CloudIdentityError, match=r"aws gave no login within 0\.01 s"):
        await in_thread(Cloud.AWS, lambda: time.sleep(0.2), docs="docs")

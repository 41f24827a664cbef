"""Signatures for CodeCommit, beside those that AWS's own library computes."""

import datetime as dt

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from argocd_image_updater.clouds.aws import AccessKey
from argocd_image_updater.git.tokens.codecommit import sign

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
HOST = "git-codecommit.eu-west-1.amazonaws.com"


def signed_by_the_library(key, path):
    """Return what the credential helper of AWS's command line prints as the password."""
    credentials = Credentials(key.access_key_id, key.secret_access_key, key.session_token or None)
    signer = SigV4Auth(credentials, "codecommit", "eu-west-1")
    request = AWSRequest(method="GIT", url=f"https://{HOST}{path}")
    request.context["timestamp"] = NOW.strftime("%Y%m%dT%H%M%S")
    question = f"GIT\n{path}\n\nhost:{HOST}\n\nhost\n"
    signature = signer.signature(signer.string_to_sign(request, question), request)
    return f"{request.context['timestamp']}Z{signature}"


@pytest.mark.parametrize("path", ["/v1/repos/deploy", "/v1/repos/a-b_c.d", "/"])
@pytest.mark.parametrize("token", ["", "session"])
def test_a_signature_is_that_of_the_library(path, token):
    key = AccessKey("AKIATEST", "secret/key+1", token)
    found = sign(key, host=HOST, path=path, region="eu-west-1", now=NOW)
    assert found == signed_by_the_library(key, path)
    assert found.startswith("20260304T050607Z")

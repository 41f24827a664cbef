"""The definition of ImageUpdater on a real API server: what it takes, refuses and fills in."""

import pytest
import yaml

import crd
from clusters.objects import ApiError
from vectors.loading import load_cases

pytestmark = pytest.mark.lab("etcd", "kube-apiserver")
PATH = "/apis/argocd-image-updater.argoproj.io/v1alpha1/namespaces/argocd/imageupdaters"


@pytest.fixture(scope="module")
def server(api):
    api.objects.namespace("argocd")  # the objects of the vectors live there; none is kept
    return api.objects


def create(server, document, *, validation):
    """Return the object as it would be stored, or None when it is refused."""
    path = f"{PATH}?fieldValidation={validation}&dryRun=All"
    try:
        return server.request("POST", path, body=document)
    except ApiError:
        return None


@pytest.mark.parametrize(("name", "case"), load_cases("crd_validation"))
def test_an_object_is_taken_or_refused_as_recorded(server, name, case):
    expect = case["expect"]
    stored = create(server, case["object"], validation="Ignore")
    strict = create(server, case["object"], validation="Strict")
    assert (stored is not None) == expect["accepted"]
    assert (strict is not None) == expect["strict_accepted"]
    if stored is not None and "stored_spec" in expect:
        assert stored.get("spec") == expect["stored_spec"]


def test_the_columns_are_those_that_people_know(server):
    document = yaml.safe_load(crd.FILE.read_text())
    name = document["metadata"]["name"]
    found = server.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    (version,) = found["spec"]["versions"]
    names = [column["name"] for column in version["additionalPrinterColumns"]]
    assert names == ["Apps", "Images", "Last Checked", "Ready"]

"""Objects that somebody made to be in the way: they are in nobody's way but their own."""

import json

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.kube.kinds import APPLICATIONS
from clusters.samples import an_application, eventually

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")

DEPTH = 9000  # of JSON: the API server takes it, a decoder of Python ends long before


def create_deep(api, name, namespace):
    """Create an Application with Helm values of many levels."""
    document = an_application(name, namespace)
    document["spec"]["source"]["helm"] = {"valuesObject": {"deep": "HERE"}}
    value = '{"a":' * DEPTH + "1" + "}" * DEPTH
    body = json.dumps(document).replace('"HERE"', value).encode()
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"
    # The answer is as deep, and this reader of it no better.
    with pytest.raises(RecursionError):
        api.objects.request("POST", path, body=body)


def names(store):
    return {application.key.name for application in store.snapshot().applications}


async def test_an_object_of_any_depth_keeps_no_list_from_being_read(
    api, connect, run_store, namespace
):
    api.objects.create(an_application("good", namespace))
    create_deep(api, "deep", namespace)

    store, faults = await run_store(await connect(), namespace)

    assert not faults
    assert names(store) == {"good", "deep"}


async def test_an_object_of_any_depth_keeps_no_watch_from_going_on(
    api, connect, run_store, namespace
):
    store, _ = await run_store(await connect(), namespace)

    create_deep(api, "deep", namespace)
    api.objects.create(an_application("good", namespace))

    await eventually(lambda: names(store) == {"good", "deep"})
    assert not store.faults()


async def test_an_object_of_any_depth_can_be_read_alone(api, connect, namespace):
    create_deep(api, "deep", namespace)
    client = await connect()

    found = await client.get(APPLICATIONS, ObjectKey(namespace, "deep"))

    assert found["spec"]["source"]["path"] == "."

"""One request at a time against a real API server: what is asked, sent, refused."""

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import ConfigError, ConflictError, DeniedError, RemoteError
from argocd_image_updater.kube.answers import ObjectExists, ObjectMissing
from argocd_image_updater.kube.client import Limits
from argocd_image_updater.kube.kinds import APPLICATIONS, EVENTS, IMAGE_UPDATERS, Kind
from argocd_image_updater.kube.secrets import ClusterSecrets
from clusters.samples import APPLICATION, RESOURCE, an_application, an_image_updater

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")


async def names(client, **options):
    return [
        item async for page in client.pages(APPLICATIONS, **options) for item in page.items or ()
    ]


async def test_an_object_is_read_and_a_missing_one_is_none(api, connect, namespace):
    api.objects.create(an_application("web", namespace))
    client = await connect()
    found = await client.get(APPLICATIONS, ObjectKey(namespace, "web"))
    assert found["spec"]["source"]["repoURL"] == "https://git.example/r.git"
    assert await client.get(APPLICATIONS, ObjectKey(namespace, "none")) is None


async def test_a_list_comes_in_pages(api, connect, namespace):
    for number in range(5):
        api.objects.create(an_application(f"a-{number}", namespace))
    client = await connect(limits=Limits(page_objects=2))
    api.forget_requests()
    assert len(await names(client, namespace=namespace)) == 5
    assert api.request_counts("admin")["list", "applications"] == 3


async def test_a_kind_that_the_cluster_does_not_serve_is_a_matter_of_configuration(connect):
    client = await connect()
    with pytest.raises(ConfigError, match="CustomResourceDefinition"):
        [page async for page in client.pages(Kind("example.org", "v1", "things", "Thing"))]


async def test_a_missing_right_names_what_and_who(connect, namespace):
    client = await connect("updater")
    with pytest.raises(DeniedError, match="cannot list") as refusal:
        await names(client, namespace=namespace)
    assert "context 'lab'" in refusal.value.hint


async def test_a_wrong_token_is_refused_without_being_told(api, connect):
    file = api.kubeconfig("updater", token="wrong-secret", path=api.folder / "wrong")
    client = await connect(kubeconfig=file)
    with pytest.raises(DeniedError) as refusal:
        await names(client)
    assert "wrong-secret" not in f"{refusal.value} {refusal.value.hint}"
    api.forget_requests()  # a request of nobody has no user to count it for


async def test_a_merge_patch_changes_only_what_it_names(api, connect, namespace):
    api.objects.create(an_application("web", namespace))
    client = await connect()
    before = api.objects.get(APPLICATION, "web", namespace=namespace)
    key = ObjectKey(namespace, "web")
    after = await client.patch(
        APPLICATIONS, key, {"spec": {"source": {"targetRevision": "v2", "path": None}}}
    )
    assert after["spec"]["source"] == {
        "repoURL": "https://git.example/r.git",
        "targetRevision": "v2",
    }
    assert after["status"] == before["status"]
    managers = {entry["manager"] for entry in after["metadata"]["managedFields"]}
    assert "argocd-image-updater" in managers
    agents = {
        event.get("userAgent", "") for event in api.requests("admin") if event["verb"] == "patch"
    }
    assert any(agent.startswith("argocd-image-updater/") for agent in agents)


async def test_a_merge_patch_of_another_version_is_a_conflict(api, connect, namespace):
    created = api.objects.create(an_application("web", namespace))
    version = created["metadata"]["resourceVersion"]
    client = await connect()
    key = ObjectKey(namespace, "web")
    await client.patch(APPLICATIONS, key, {"metadata": {"labels": {"a": "b"}}})
    with pytest.raises(ConflictError):
        await client.patch(
            APPLICATIONS,
            key,
            {"metadata": {"resourceVersion": version}, "spec": {"project": "other"}},
        )


async def test_a_versioned_patch_applies_to_its_version_and_to_no_other(api, connect, namespace):
    created = api.objects.create(an_application("web", namespace))
    client = await connect()
    key = ObjectKey(namespace, "web")
    change = [{"op": "add", "path": "/spec/source/kustomize", "value": {"images": ["nginx:1.1"]}}]
    version = created["metadata"]["resourceVersion"]
    after = await client.patch_version(APPLICATIONS, key, change, resource_version=version)
    assert after["spec"]["source"]["kustomize"] == {"images": ["nginx:1.1"]}
    with pytest.raises(ConflictError, match="changed by somebody else"):
        await client.patch_version(APPLICATIONS, key, change, resource_version=version)
    with pytest.raises(ObjectMissing):
        await client.patch_version(
            APPLICATIONS, ObjectKey(namespace, "gone"), change, resource_version=version
        )


async def test_a_patch_of_the_status_leaves_the_rest_alone(api, connect, namespace):
    api.objects.create(an_image_updater("all", namespace))
    client = await connect()
    change = {"spec": {"applicationRefs": []}, "status": {"observedGeneration": 1}}
    after = await client.patch(
        IMAGE_UPDATERS, ObjectKey(namespace, "all"), change, subresource="status"
    )
    assert after["status"]["observedGeneration"] == 1
    assert len(after["spec"]["applicationRefs"]) == 1
    assert api.objects.get(RESOURCE, "all", namespace=namespace)["metadata"]["generation"] == 1


async def test_a_patch_that_breaks_the_schema_is_refused_for_good(api, connect, namespace):
    api.objects.create(an_application("web", namespace))
    client = await connect()
    with pytest.raises(RemoteError) as refusal:
        await client.patch(APPLICATIONS, ObjectKey(namespace, "web"), {"spec": {"project": 5}})
    assert not refusal.value.temporary


async def test_an_event_is_created_once(api, connect, namespace):
    client = await connect()
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "it-happened", "namespace": namespace},
        "involvedObject": {"kind": "ImageUpdater", "name": "all", "namespace": namespace},
        "reason": "ImagesUpdated",
        "type": "Normal",
    }
    stored = await client.create(EVENTS, event, namespace=namespace)
    assert stored["reason"] == "ImagesUpdated"
    with pytest.raises(ObjectExists):
        await client.create(EVENTS, event, namespace=namespace)


async def test_secrets_and_config_maps_are_read_when_asked_for(api, connect, namespace):
    label = "argocd.argoproj.io/secret-type"
    for name, value in (("one", "repository"), ("two", "cluster")):
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace, "labels": {label: value}},
            "stringData": {"password": f"hidden-{name}"},
        }
        api.objects.create(secret)
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": namespace},
        "data": {"registries.conf": "registries: []"},
    }
    api.objects.create(config)
    secrets = ClusterSecrets(await connect())
    found = await secrets.read(ObjectKey(namespace, "one"))
    assert found.data == {"password": b"hidden-one"}
    assert "hidden" not in repr(found)
    assert await secrets.read(ObjectKey(namespace, "none")) is None
    listed = await secrets.list_labelled(
        namespace, label=label, values=frozenset({"repository", "repo-creds"})
    )
    assert [secret.key.name for secret in listed] == ["one"]
    texts = await secrets.read_config_map(ObjectKey(namespace, "settings"))
    assert texts == {"registries.conf": "registries: []"}

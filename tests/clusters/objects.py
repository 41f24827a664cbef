"""A small client for objects of a cluster, for what a test prepares and looks at.

Plain HTTP with a token over one kept connection, so that hundreds of objects are made in a second
or two. It is not the product's client, and shares nothing with it.
"""

import http.client
import json
import ssl
import time
import urllib.parse
from pathlib import Path

import yaml

LIMIT_S = 30.0
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # CRDs are a megabyte


class ApiError(Exception):
    """The server answered with a fault: `status` and its words."""

    def __init__(self, method, path, *, status, body):
        self.status = status
        self.body = body
        super().__init__(f"{method} {path}: {status} {body[:500]}")


class Objects:
    """What a user of the server sees and does. A kind is named like ``apps/v1/Deployment``.

    It goes on over a restart of the server.
    """

    def __init__(self, port, *, token, ca_file):
        self._token = token
        self._port = port
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._connection = None
        self._kinds = {}

    def request(self, method, path, *, body=None, content_type="application/json"):
        """Send one request and return the decoded answer; text that is not JSON as it is."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = content_type
        status, text = self._exchange(method, path, data=data, headers=headers)
        if status >= 400:
            raise ApiError(method, path, status=status, body=text)
        return json.loads(text) if text.startswith(("{", "[")) else text

    def apply(self, manifests):
        """Apply objects as server-side apply does; the CRDs among them are waited for.

        manifests: a file, a folder of YAML files, YAML text, one object, or a list of objects.
        """
        documents = list(_documents(manifests))
        for document in documents:
            path = self._path(document, name=document["metadata"]["name"])
            self.request(
                "PATCH", f"{path}?fieldManager=lab&force=true", body=document, content_type=APPLY
            )
            if document["kind"] == "CustomResourceDefinition":
                self._wait_for_definition(document)
        return documents

    def create(self, document):
        """Create an object and return it as it was stored."""
        return self.request("POST", self._path(document), body=document)

    def get(self, kind, name, *, namespace=""):
        return self.request("GET", self._path_of(kind, namespace, name=name))

    def find(self, kind, name, *, namespace=""):
        """Return an object, or None where there is none."""
        try:
            return self.get(kind, name, namespace=namespace)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def list(self, kind, *, namespace=""):
        return self.request("GET", self._path_of(kind, namespace))["items"]

    def patch(self, kind, name, *, change, namespace="", subresource="", content_type=MERGE):
        """Change an object by a merge patch, or by another kind of patch."""
        path = self._path_of(kind, namespace, name=name)
        path += f"/{subresource}" if subresource else ""
        return self.request("PATCH", path, body=change, content_type=content_type)

    def delete(self, kind, name, *, namespace=""):
        return self.request("DELETE", self._path_of(kind, namespace, name=name))

    def namespace(self, name):
        """Have a namespace of that name and return the name."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def wait_for(self, kind, name, *, until, namespace="", limit_s=LIMIT_S):
        """Ask for an object until the function says yes to it; return it."""
        deadline = time.monotonic() + limit_s
        while True:
            found = self.find(kind, name, namespace=namespace)
            if found is not None and until(found):
                return found
            if time.monotonic() > deadline:
                seen = json.dumps((found or {}).get("status"), indent=1)
                raise AssertionError(f"{kind} {namespace}/{name} after {limit_s} s: {seen}")
            time.sleep(0.1)  # simpler than a watch, and short against what is waited for

    def later_versions(self, document):
        """Return the versions that an object has had since this one, as a watch tells them."""
        kind = f"{document['apiVersion']}/{document['kind']}"
        metadata = document["metadata"]
        path = self._path_of(kind, metadata.get("namespace", ""))
        path += f"?watch=true&timeoutSeconds=1&resourceVersion={metadata['resourceVersion']}"
        path += f"&fieldSelector=metadata.name={metadata['name']}"
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        status, text = self._exchange("GET", path, data=None, headers=headers)
        if status >= 400:
            raise ApiError("GET", path, status=status, body=text)
        return [json.loads(line)["object"] for line in text.splitlines()]

    def server_is_ready(self):
        """Whether the server says so; OSError where it does not answer."""
        headers = {"Authorization": f"Bearer {self._token}"}
        status, _ = self._exchange("GET", "/readyz", data=None, headers=headers)
        return status == 200

    def close(self):
        if self._connection:
            self._connection.close()
        self._connection = None

    def _exchange(self, method, path, *, data, headers):
        """Send over the kept connection; over a new one where the server has ended the old."""
        while True:
            is_new = self._connection is None
            self._connection = self._connection or http.client.HTTPSConnection(
                "127.0.0.1", self._port, timeout=LIMIT_S, context=self._context
            )
            try:
                self._connection.request(method, path, body=data, headers=headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read().decode()
            except (OSError, http.client.HTTPException):
                self.close()
                if is_new:
                    raise

    def _wait_for_definition(self, document):
        """Wait until the kinds of a CRD are served, not only accepted."""

        def is_established(found):
            conditions = found.get("status", {}).get("conditions") or []
            return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

        kind = "apiextensions.k8s.io/v1/CustomResourceDefinition"
        self.wait_for(kind, document["metadata"]["name"], until=is_established)
        spec = document["spec"]
        served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            try:
                self.request("GET", f"{served}?limit=1")
            except ApiError as error:
                if error.status not in {404, 503}:
                    raise
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"{served} is not served after {LIMIT_S} s")

    def _path(self, document, *, name=""):
        kind = f"{document['apiVersion']}/{document['kind']}"
        return self._path_of(kind, document["metadata"].get("namespace", ""), name=name)

    def _path_of(self, kind, namespace, *, name=""):
        version, _, short = kind.rpartition("/")
        plural, is_namespaced = self._resource(version, short)
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        words = [root]
        if is_namespaced and namespace:
            words.append(f"namespaces/{namespace}")
        words.append(plural)
        if name:
            words.append(urllib.parse.quote(name, safe=""))
        return "/".join(words)

    def _resource(self, version, kind):
        """Return the plural of a kind and whether it lives in namespaces, as the server tells."""
        if (version, kind) not in self._kinds:
            root = "/apis" if "/" in version else "/api"
            for resource in self.request("GET", f"{root}/{version}")["resources"]:
                if "/" not in resource["name"]:
                    found = resource["name"], resource["namespaced"]
                    self._kinds[version, resource["kind"]] = found
        return self._kinds[version, kind]


def _documents(manifests):
    if isinstance(manifests, dict):
        yield manifests
    elif isinstance(manifests, str):
        yield from (document for document in yaml.load_all(manifests, _LOADER) if document)
    elif isinstance(manifests, Path):
        files = sorted(manifests.glob("*.yaml")) if manifests.is_dir() else [manifests]
        for file in files:
            yield from _documents(file.read_text())
    else:
        for part in manifests:
            yield from _documents(part)

"""How the connection to an API server is made: names, certificates, proxies, headers."""

import asyncio
import contextlib
import ssl

import pytest
import trustme
from aiohttp import web

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import ConfigError, RemoteError
from argocd_image_updater.kube.access import Access, Cluster, Impersonation, User
from argocd_image_updater.kube.client import KubeClient, Limits
from argocd_image_updater.kube.kinds import SECRETS
from argocd_image_updater.net.timing import Timing

KEY = ObjectKey("apps", "web")
ONCE = Limits(attempts=1)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
async def server(authority):
    """An API server named api.example that knows clients by their certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("api.example").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    async with serving(context) as started:
        yield started


@contextlib.asynccontextmanager
async def serving(context=None):
    async def answer(request):
        peer = request.transport.get_extra_info("peercert")
        return web.json_response(
            {
                "path": request.raw_path,
                "host": request.host,
                "has_certificate": bool(peer),
                "serial": peer["serialNumber"] if peer else "",
                "headers": [[name, value] for name, value in request.headers.items()],
            }
        )

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    scheme = "https" if context else "http"
    try:
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask(cluster, user=None, **options):
    client = KubeClient(Access(cluster, user or User(), "apps", "a test"), limits=ONCE, **options)
    try:
        return await client.get(SECRETS, KEY)
    finally:
        await client.close()
        await asyncio.sleep(0)  # lets the transports of TLS say goodbye


def pem(authority):
    return authority.cert_pem.bytes().decode()


async def test_the_name_in_the_certificate_may_be_another_than_the_address(server, authority):
    cluster = Cluster(server, ca_pem=pem(authority), tls_server_name="api.example")
    assert (await ask(cluster))["path"] == "/api/v1/namespaces/apps/secrets/web"
    with pytest.raises(ConfigError, match="is refused"):
        await ask(Cluster(server, ca_pem=pem(authority)))


async def test_an_unknown_authority_is_refused_unless_nobody_shall_look(server):
    with pytest.raises(ConfigError, match="certificate-authority"):
        await ask(Cluster(server, tls_server_name="api.example"))
    assert await ask(Cluster(server, insecure=True))


async def test_a_client_certificate_proves_who_we_are(server, authority):
    cluster = Cluster(server, ca_pem=pem(authority), tls_server_name="api.example")
    assert not (await ask(cluster))["has_certificate"]
    own = authority.issue_cert("client@example.org")
    user = User(
        certificate_pem=own.cert_chain_pems[0].bytes().decode(),
        key_pem=own.private_key_pem.bytes().decode(),
    )
    assert (await ask(cluster, user))["has_certificate"]
    with pytest.raises(ConfigError, match="no pair") as refusal:
        await ask(cluster, User(certificate_pem=user.certificate_pem, key_pem="hidden"))
    assert "hidden" not in str(refusal.value)


async def test_the_proxy_of_the_cluster_goes_before_that_of_the_environment():
    asked = []

    def proxy_for(scheme, host, port):
        asked.append((scheme, host, port))
        return proxy

    async with serving() as proxy:
        cluster = Cluster("http://k.example:8080/base", proxy_url=proxy)
        assert (await ask(cluster))["host"].startswith("k.example")
        assert asked == []
        answer = await ask(Cluster("http://k.example:8080/base"), proxy_for=proxy_for)
        assert answer["path"].endswith("/base/api/v1/namespaces/apps/secrets/web")
        assert asked == [("http", "k.example", 8080)]


async def test_whom_to_take_us_for_stands_in_headers():
    user = User(token="t", impersonation=Impersonation("robot", "7", ("a", "b")))
    async with serving() as url:
        headers = (await ask(Cluster(url), user))["headers"]
    told = [(name, value) for name, value in headers if name.startswith("Impersonate")]
    assert told == [
        ("Impersonate-User", "robot"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    ]
    assert ["Authorization", "Bearer t"] in headers
    assert ["Accept-Encoding", "gzip"] in headers


async def test_nobody_at_the_address_is_a_fault_that_may_pass():
    with pytest.raises(RemoteError) as fault:
        await ask(Cluster("https://127.0.0.1:1"))
    assert fault.value.temporary
    assert str(fault.value).endswith(": Connection refused")


def write_pair(folder, authority, name):
    """Write a new client certificate and its key as files; return their paths."""
    issued = authority.issue_cert(name)
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(issued.cert_chain_pems[0].bytes())
    key.write_bytes(issued.private_key_pem.bytes())
    return certificate, key


async def test_a_client_certificate_that_is_replaced_in_its_files_is_used(
    server, authority, tmp_path
):
    certificate, key = write_pair(tmp_path, authority, "one@example.org")
    user = User(
        certificate_pem=certificate.read_text(),
        key_pem=key.read_text(),
        certificate_file=certificate,
        key_file=key,
    )
    cluster = Cluster(server, ca_pem=pem(authority), tls_server_name="api.example")
    now_s = [1_000_000.0]
    client = KubeClient(
        Access(cluster, user, "apps", "a test"),
        limits=ONCE,
        timing=Timing(unix=lambda: now_s[0]),
    )
    try:
        first = (await client.get(SECRETS, KEY))["serial"]
        write_pair(tmp_path, authority, "two@example.org")
        assert (await client.get(SECRETS, KEY))["serial"] == first
        now_s[0] += 61
        second = (await client.get(SECRETS, KEY))["serial"]
        assert second not in {"", first}
        key.write_text("half of a")
        now_s[0] += 61
        assert (await client.get(SECRETS, KEY))["serial"] == second
    finally:
        await client.close()
        await asyncio.sleep(0)

"""The logins of Docker on this machine: the file, and the programs it names."""

import asyncio
import base64
import json
import os

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.errors import UpdaterError
from argocd_image_updater.registry.credentials.docker_files import FILE_LIFE_S, DockerConfigFile
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint import ANONYMOUS, Credentials, Endpoint

HUB = Endpoint("Docker Hub", "docker.io", "https://registry-1.docker.io")
REGISTRY = Endpoint("R", "r.test", "https://r.test")
NOT_FOUND = "echo credentials not found in native keychain; exit 1"


def auth(pair):
    return base64.b64encode(pair.encode()).decode()


class Machine:
    """A home with a Docker configuration, and a folder with programs."""

    def __init__(self, folder):
        self.folder = folder
        self.now = 0.0
        (folder / "bin").mkdir()
        self.environ = {"HOME": str(folder), "PATH": f"{folder / 'bin'}:/usr/bin:/bin"}

    def write(self, document):
        path = self.folder / ".docker" / "config.json"
        path.parent.mkdir(exist_ok=True)
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text)
        return path

    def program(self, name, body):
        """A credential helper; it notes each question."""
        path = self.folder / "bin" / f"docker-credential-{name}"
        notes = self.folder / "asked"
        path.write_text(f'#!/bin/sh\nserver=$(cat)\necho "{name} $1 $server" >> {notes}\n{body}\n')
        path.chmod(0o755)

    @property
    def asked(self):
        notes = self.folder / "asked"
        return notes.read_text().splitlines() if notes.exists() else []

    def open(self, **environ):
        return DockerConfigFile(
            environ=self.environ | environ, monotonic=lambda: self.now, timeout_s=10.0
        )

    async def find(self, endpoint=REGISTRY, repository="team/app"):
        return await self.open().find(endpoint, repository=repository)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def answer(username, secret):
    return (
        f"""printf '%s' '{json.dumps({"ServerURL": "", "Username": username, "Secret": secret})}'"""
    )


async def test_a_machine_without_docker_has_no_logins(machine):
    assert await machine.find() is None
    assert await machine.open(HOME="").find(REGISTRY, repository="a") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": auth("u:p")}, ("u", "p", "")),
        ({"username": "u", "password": "p"}, ("u", "p", "")),
        ({"auth": auth("0000:"), "identitytoken": "r3fresh"}, ("", "", "r3fresh")),
    ],
)
async def test_a_login_in_the_file_is_used(machine, entry, expected):
    path = machine.write({"auths": {"https://r.test/v1/": entry}})
    found = await machine.find()
    assert (found.username, found.password, found.identity_token) == expected
    assert found.source == str(path)


async def test_a_folder_of_its_own_is_found_by_the_variable(machine, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {"r.test": {"auth": auth("u:p")}}}))
    opened = machine.open(DOCKER_CONFIG=str(folder))
    assert (await opened.find(REGISTRY, repository="a")).password == "p"


async def test_other_registries_get_nothing(machine):
    machine.write({"auths": {"r.test": {"auth": auth("u:p")}}})
    assert await machine.find(Endpoint("R", "r.test.evil", "https://r.test.evil")) is None
    assert await machine.find(HUB) is None


async def test_docker_hub_has_the_name_that_docker_gives_it(machine):
    machine.program("store", answer("u", "p"))
    machine.write({"credsStore": "store"})
    assert (await machine.find(HUB)).source == "docker-credential-store"
    assert machine.asked == ["store get https://index.docker.io/v1/"]


async def test_the_program_of_a_registry_is_asked_before_that_of_all(machine):
    machine.program("own", answer("own", "p"))
    machine.program("store", answer("store", "p"))
    machine.write({"credHelpers": {"r.test": "own"}, "credsStore": "store"})
    assert (await machine.find()).username == "own"
    assert (await machine.find(Endpoint("S", "s.test", "https://s.test:5000"))).username == "store"
    assert machine.asked == ["own get r.test", "store get s.test:5000"]


async def test_a_program_that_knows_no_login_passes_to_the_file(machine):
    machine.program("store", NOT_FOUND)
    machine.write({"credsStore": "store", "auths": {"r.test": {"auth": auth("u:p")}}})
    assert (await machine.find()).username == "u"


async def test_an_entry_that_only_marks_a_login_of_a_program_is_no_login(machine):
    machine.program("store", NOT_FOUND)
    machine.write({"credsStore": "store", "auths": {"https://r.test": {}}})
    assert await machine.find() is None
    assert machine.asked == ["store get https://r.test"]


async def test_an_identity_token_comes_under_its_own_name(machine):
    machine.program("store", answer("<token>", "r3fresh"))
    machine.write({"credsStore": "store"})
    assert await machine.find() == Credentials(
        source="docker-credential-store", identity_token="r3fresh"
    )


async def test_a_program_is_asked_once_for_all_repositories_and_again_when_it_was_refused(machine):
    machine.program("store", answer("u", "p"))
    machine.write({"credsStore": "store"})
    opened = machine.open()
    found = await asyncio.gather(*(opened.find(REGISTRY, repository=f"a/{n}") for n in range(9)))
    assert len(machine.asked) == 1
    machine.now += 100
    assert opened.drop(found[0])
    await opened.find(REGISTRY, repository="a/1")
    assert len(machine.asked) == 2


async def test_the_file_is_read_again_after_some_seconds(machine):
    machine.write({"auths": {"r.test": {"auth": auth("u:old")}}})
    opened = machine.open()
    assert (await opened.find(REGISTRY, repository="a")).password == "old"
    machine.write({"auths": {"r.test": {"auth": auth("u:new")}}})
    machine.now += FILE_LIFE_S
    assert (await opened.find(REGISTRY, repository="a")).password == "new"


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ("{", "not JSON"),
        ("[]", "no JSON object"),
        ("x" * (1 << 21), "longer than"),
        ('{"credsStore": "../../bin/sh"}', "forbidden characters"),
        ('{"credsStore": "absent"}', "docker-credential-absent is not on PATH"),
        ('{"credsStore": "fails"}', "failed with exit status 3: locked"),
        ('{"credsStore": "talks"}', "printed no JSON"),
        ('{"credsStore": "empty"}', "printed no user and secret"),
        ('{"auths": {"r.test": {"auth": "?s3cret"}}}', "is not base64"),
    ],
)
async def test_what_cannot_be_used_is_said_without_any_value(machine, document, part):
    machine.program("fails", "echo s3cret; echo locked >&2; exit 3")
    machine.program("talks", "echo s3cret")
    machine.program("empty", """echo '{"Secret": "s3cret"}'""")
    machine.write(document)
    with pytest.raises(UpdaterError) as caught:
        await machine.find()
    assert part in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_pipe_in_place_of_the_file_holds_up_nobody(machine):
    (machine.folder / ".docker").mkdir()
    os.mkfifo(machine.folder / ".docker" / "config.json")
    with pytest.raises(UpdaterError, match="is not a file"):
        await machine.find()


async def test_in_the_chain_it_comes_last_and_names_the_switch(machine):
    path = machine.write({"auths": {"r.test": {"auth": auth("u:p")}}})
    own = CredentialResolver(
        environ={"LOGIN": "e:p"}, clock=lambda: 0.0, docker_config=machine.open()
    )
    configured = Endpoint("R", "r.test", "https://r.test", credentials="env:LOGIN")
    assert (await own.fetch(configured)).username == "e"
    assert (await own.fetch(REGISTRY)).username == "u"
    assert await own.fetch(HUB) is ANONYMOUS
    machine.write("{")
    machine.now += FILE_LIFE_S
    failure = await own.fetch(REGISTRY)
    assert failure.kind is FailureKind.CREDENTIALS
    assert failure.message.startswith(f"login for registry R ({path} by --docker-config): ")

"""One engine for all questions of a cycle, against a real registry: what is asked, how often."""

import asyncio
import time
from collections import Counter

import pytest

from argocd_image_updater.core.facts import (
    DigestQuestion,
    Failure,
    FailureKind,
    MetadataQuestion,
    RepositoryKey,
    TagExistsQuestion,
    TagListQuestion,
    TagMetadata,
)
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore

pytestmark = pytest.mark.lab("docker-registry")
PLATFORMS = ("linux/amd64",)


class Scene:
    """An engine on a store that outlives it, and the requests of its cycles."""

    def __init__(self, distribution, repository, folder):
        self.distribution = distribution
        self.key = RepositoryKey(distribution.host, repository)
        self.table = load_table(
            f"registries: [{{name: local, prefix: '{distribution.host}', "
            f"api_url: '{distribution.url}'}}]"
        )
        self.folder = folder
        self.clock = 0
        self.lookups = Counter()

    async def cycle(self, *rounds):
        """Run a cycle in a new process, as far as memory goes: answers of all rounds, requests."""
        self.clock += 1
        seen = Counter()
        network = RegistryNetwork(
            observe=lambda exchange: seen.update([exchange.method]),
            observe_cache=lambda lookup: self.lookups.update([(lookup.host, lookup.is_hit)]),
        )
        store = FactStore.open(self.folder / "facts.db")
        engine = RegistryEngine(
            network=network,
            resolver=CredentialResolver(environ={}, clock=time.monotonic),
            store=store,
            unix=lambda: float(self.clock),
        )
        engine.begin_cycle(self.table)
        answers = {}
        try:
            for questions in rounds:
                answers.update(await engine.ask(questions))
        finally:
            await network.aclose()
            store.close()
        seen["GET"] -= 1  # the ping that finds out how to log in
        return answers, +seen

    def images(self, tags, *, fresh=False, platforms=PLATFORMS):
        return [MetadataQuestion(self.key, tag, platforms, fresh=fresh) for tag in tags]

    def push(self, tag, day, **more):
        created = f"2024-01-{day:02}T00:00:00Z"
        return self.distribution.push_image(self.key.repository, tag, created=created, **more)


@pytest.fixture
def scene(distribution, repository, tmp_path):
    return Scene(distribution, repository, tmp_path)


async def test_equal_questions_are_asked_once(scene):
    scene.push("a", 1)
    question = TagListQuestion(scene.key)
    answers, seen = await scene.cycle([question, TagListQuestion(scene.key)], [question])
    assert answers[question].tags == ("a",)
    assert seen == {"GET": 1}


async def test_a_cold_image_costs_two_requests_and_a_stored_one_none(scene):
    for day, tag in enumerate("abcd", start=1):
        scene.push(tag, day)
    _, cold = await scene.cycle(scene.images("abcd"))
    assert cold == {"GET": 8}
    answers, warm = await scene.cycle(scene.images("abcd"))
    assert all(isinstance(answer, TagMetadata) for answer in answers.values())
    assert warm == {"HEAD": 1}


async def test_what_is_found_and_what_is_read_is_told_by_registry(scene):
    for day, tag in enumerate("abc", start=1):
        scene.push(tag, day)
    host = scene.distribution.host
    await scene.cycle(scene.images("abc"))
    assert scene.lookups == {(host, False): 3}
    await scene.cycle(scene.images("abc"))
    assert scene.lookups == {(host, False): 3, (host, True): 3}
    scene.push("b", 9)
    await scene.cycle(scene.images("ac") + scene.images("b", fresh=True))
    assert scene.lookups == {(host, False): 4, (host, True): 5}


async def test_the_rotation_visits_every_tag_before_one_comes_again(scene):
    for day, tag in enumerate("abc", start=1):
        scene.push(tag, day)
    await scene.cycle(scene.images("abc"))
    moved = {}
    for tag in "abc":
        moved[tag] = scene.push(tag, 20, labels={"again": tag})
    noticed = []
    for _ in "abc":
        answers, _ = await scene.cycle(scene.images("abc"))
        noticed.append({q.tag for q, found in answers.items() if found.digest == moved[q.tag]})
    assert [len(tags) for tags in noticed] == [1, 2, 3]


async def test_a_fresh_question_notices_a_pushed_tag_at_once(scene):
    scene.push("a", 1)
    scene.push("b", 2)
    await scene.cycle(scene.images("ab"))
    digest = scene.push("a", 9)
    answers, seen = await scene.cycle(scene.images("b"), scene.images("a", fresh=True))
    (found,) = [item for question, item in answers.items() if question.tag == "a"]
    assert found.digest == digest
    assert seen == {"HEAD": 2, "GET": 2}


async def test_a_tag_checked_in_this_cycle_is_not_checked_again(scene):
    scene.push("a", 1)
    _, seen = await scene.cycle(scene.images("a"), scene.images("a", fresh=True))
    assert seen == {"GET": 2}


async def test_platforms_never_share_an_answer(scene):
    scene.push("a", 1)
    answers, _ = await scene.cycle(scene.images("a"), scene.images("a", platforms=("linux/arm64",)))
    kinds = {question.platforms: answer for question, answer in answers.items()}
    assert isinstance(kinds["linux/amd64",], TagMetadata)
    assert kinds["linux/arm64",].kind is FailureKind.NO_PLATFORM


async def test_a_digest_question_never_feeds_a_date_to_newest_build(scene):
    scene.distribution.push_index(
        scene.key.repository,
        "a",
        [("linux/amd64", {"created": "2024-01-05T00:00:00Z"})],
    )
    digest = DigestQuestion(scene.key, "a", PLATFORMS)
    answers, _ = await scene.cycle([digest])
    assert answers[digest].created_ns is None
    answers, _ = await scene.cycle(scene.images("a"))
    (found,) = answers.values()
    assert found.created_ns is not None
    assert found.digest.startswith("sha256:")


async def test_a_digest_that_did_not_move_costs_one_head(scene):
    scene.push("a", 1)
    question = DigestQuestion(scene.key, "a", PLATFORMS)
    await scene.cycle([question])
    _, seen = await scene.cycle([question])
    assert seen == {"HEAD": 1}


async def test_existence_is_asked_by_head(scene):
    scene.push("a", 1)
    here, gone = TagExistsQuestion(scene.key, "a"), TagExistsQuestion(scene.key, "b")
    answers, seen = await scene.cycle([here, gone])
    assert (answers[here], answers[gone]) == (True, False)
    assert seen == {"HEAD": 2}


async def test_a_passing_failure_is_not_kept(scene):
    scene.distribution.push_manifest(
        scene.key.repository,
        "a",
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
        },
        "application/vnd.oci.image.index.v1+json",
    )
    scene.push("b", 1)
    answers, _ = await scene.cycle(scene.images("ab"))
    kinds = {question.tag: answer for question, answer in answers.items()}
    assert isinstance(kinds["a"], Failure)
    assert kinds["a"].kind is FailureKind.UNUSABLE
    _, seen = await scene.cycle(scene.images("ab"))
    assert seen == {"HEAD": 1}, "what a digest holds is known, also when it is of no use"


async def test_a_part_that_comes_back_makes_the_image_usable_again(scene):
    scene.push("a", 1)
    scene.push("b", 27)
    configs = [
        path
        for path in scene.distribution.folder.rglob("blobs/sha256/*/*/data")
        if b"2024-01-27" in path.read_bytes()[:10_000]
    ]
    (config,) = configs
    content = config.read_bytes()
    config.unlink()
    answers, _ = await scene.cycle(scene.images("ab"))
    gone = answers[scene.images("b")[0]]
    assert isinstance(gone, Failure)
    assert gone.kind is FailureKind.UNUSABLE
    config.write_bytes(content)
    answers, _ = await scene.cycle(scene.images("ab"))
    assert isinstance(answers[scene.images("b")[0]], TagMetadata)


async def test_many_callers_at_once_share_one_flight(scene):
    scene.push("a", 1)
    seen = Counter()
    network = RegistryNetwork(observe=lambda exchange: seen.update([exchange.method]))
    store = FactStore.open(scene.folder / "facts.db")
    engine = RegistryEngine(
        network=network,
        resolver=CredentialResolver(environ={}, clock=time.monotonic),
        store=store,
        unix=time.time,
    )
    engine.begin_cycle(scene.table)
    try:
        await asyncio.gather(*(engine.ask([TagListQuestion(scene.key)]) for _ in range(20)))
    finally:
        await network.aclose()
        store.close()
    assert seen == {"GET": 2}


def test_an_image_without_a_usable_name_is_a_problem(scene):
    engine = RegistryEngine(network=RegistryNetwork(), resolver=None, store=None, unix=time.time)
    engine.begin_cycle(scene.table)
    assert isinstance(engine.locate(parse_image("reg.example/Team/App"), "", "argocd"), Problem)
    assert isinstance(engine.locate(parse_image("reg.example/app"), "nonsense", "a"), Problem)
    key = engine.locate(parse_image("nginx"), "", "argocd")
    assert key == RepositoryKey("docker.io", "library/nginx")

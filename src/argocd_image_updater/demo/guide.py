"""The guided demonstration: three runs of the real main job against a registry and a repository.

Everything lies in one folder that the caller owns and removes; every run opens the engine anew, as
a process of its own would, and remembers only what the state directory holds. Checks what it
claims: a third run that writes anything is an error. docs/demo.md.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.controller.standalone import (
    Progress,
    StandaloneOptions,
    StandaloneSession,
)
from argocd_image_updater.demo.images import push_image
from argocd_image_updater.demo.registry import EmbeddedRegistry
from argocd_image_updater.demo.repository import BareRepository
from argocd_image_updater.demo.scene import (
    APPLICATIONS,
    REGISTRY_NAME,
    Workspace,
    first_images,
    newer_images,
    repository_files,
    write_manifests,
)
from argocd_image_updater.demo.store import ImageStore
from argocd_image_updater.errors import BugError
from argocd_image_updater.git.process import GitRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.demo.images import DemoImage

# Of the host's environment only these reach the engine: no proxies, no credentials, no settings.
_PASSED_VARIABLES = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")
_PLATFORM = "linux/amd64"


class Audience(Protocol):
    """Whoever watches: shows steps, reports and progress."""

    def step(self, title: str, *lines: str) -> None: ...

    def report(self, report: CycleReport) -> None: ...

    def progress(self) -> AbstractContextManager[Callable[[Progress], None] | None]: ...


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The parts while the story is told."""

    workspace: Workspace
    store: ImageStore
    registry: EmbeddedRegistry
    repository: BareRepository
    environment: Mapping[str, str]

    @property
    def options(self) -> StandaloneOptions:
        return StandaloneOptions(
            manifests=(self.workspace.shown_manifests,),
            state_dir=self.workspace.state,
            default_platform=_PLATFORM,
            environment=self.environment,
        )


async def give_demonstration(
    workspace: Workspace, audience: Audience, *, environment: Mapping[str, str]
) -> Sequence[CycleReport]:
    """Tell the whole story in an empty folder; return the reports of the three runs.

    Raises:
        ConfigError: this machine cannot run it (no git).
        BugError: the third run was not quiet, or a part of the demonstration failed.
    """
    passed = {name: environment[name] for name in _PASSED_VARIABLES if name in environment}
    async with AsyncExitStack() as stack:
        store = ImageStore.create(workspace.registry)
        demo = Demonstration(
            workspace=workspace,
            store=store,
            registry=await stack.enter_async_context(EmbeddedRegistry(store)),
            repository=BareRepository(
                workspace.repository, GitRunner(home=workspace.folder, variables=passed)
            ),
            environment=passed,
        )
        await _lay_out(demo, audience)
        first = await _first_run(demo, audience)
        second = await _second_run(demo, audience)
        third = await _third_run(demo, audience)
        audience.step("The log of deploy.git, as git tells it", *await demo.repository.log())
    return first, second, third


async def _lay_out(demo: Demonstration, audience: Audience) -> None:
    await _push(demo, first_images())
    await demo.repository.create(repository_files())
    write_manifests(demo.workspace, repository_url=demo.repository.url, port=demo.registry.port)
    demo.workspace.remember_port(demo.registry.port)
    audience.step(
        "A registry, a Git repository and five Applications, all on this machine",
        f"folder      {demo.workspace.folder}",
        f"registry    {demo.registry.url}, known as {REGISTRY_NAME}",
        f"            {demo.store.repository_count} repositories, {demo.store.tag_count} tags",
        "repository  deploy.git, bare, one commit on main",
        "",
        *(f"{app:<10}  {strategy:<20}  {target}" for app, strategy, target in APPLICATIONS),
    )


async def _first_run(demo: Demonstration, audience: Audience) -> CycleReport:
    audience.step(
        "First run: the registry has newer images than the files name",
        "Only the bytes of the values change: comments, quotes and spaces stay. The",
        "proxy of the store is left alone and says why: its allowTags want a tag that",
        "ends in -alpine.",
    )
    return await _run(demo, audience)


async def _second_run(demo: Demonstration, audience: Audience) -> CycleReport:
    images = newer_images()
    await _push(demo, images)
    pushed = ", ".join(f"{image.repository}:{image.tag}" for image in images)
    audience.step(
        f"Second run, after a push of {pushed}",
        "web takes 1.5.0 and not 2.0.0, because it is held to 1.x. The tag stable of",
        "the cache is another image now, so its digest changes.",
    )
    return await _run(demo, audience)


async def _third_run(demo: Demonstration, audience: Audience) -> CycleReport:
    before = await demo.repository.tip()
    files = _manifests(demo.workspace)
    audience.step("Third run: nothing is new, so nothing is written, and Git is asked once")
    report = await _run(demo, audience)
    if report.has_work or before != await demo.repository.tip():
        raise BugError("the third run wrote something although nothing was new")
    if files != _manifests(demo.workspace):
        raise BugError("the third run changed a manifest although nothing was new")
    return report


async def _run(demo: Demonstration, audience: Audience) -> CycleReport:
    """Run the main job once, as ``run --once`` does, and show what it did."""
    with audience.progress() as progress:
        async with StandaloneSession(demo.options) as session:
            report = await session.run_cycle(progress=progress)
    await _check_commits(demo, report)
    audience.report(report)
    return report


async def _check_commits(demo: Demonstration, report: CycleReport) -> None:
    """Check against git that every reported commit is on the branch."""
    known = {line.partition(" ")[0] for line in await demo.repository.log()}
    missing = [item.commit for item in report.commits if item.commit[:12] not in known]
    if missing:
        raise BugError(f"reported, but not in the repository: {', '.join(missing)}")


def _manifests(workspace: Workspace) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in workspace.manifests.iterdir()}


async def _push(demo: Demonstration, images: Sequence[DemoImage]) -> None:
    import aiohttp

    # Without the environment's proxies: the registry is in this process.
    async with aiohttp.ClientSession(trust_env=False) as session:
        for image in images:
            await push_image(session, demo.registry.url, image)

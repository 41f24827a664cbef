"""Look for credentials of the images that name none and whose registry has none configured.

Two places, each only where the operator wants it, in this order: the pull secrets of the
ServiceAccounts that an Application's pods run as, and the repository Secrets of Argo CD. Rules:
1. a namespace is looked into only for an Application whose project may deploy there; 2. only in
the cluster that this program runs in; 3. each object is read once a cycle, many at a time; 4. what
cannot be read ends the images that it could have served, and no other; what is not there is passed
over.
Source of the rules: docs/credentials.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.argocd_secrets import REPOSITORY_TYPES, SECRET_TYPE_LABEL
from argocd_image_updater.core.found_credentials import Finder, FoundCredentials
from argocd_image_updater.core.projects import DEFAULT_PROJECT, deploys_here, takes
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.service_accounts import DEFAULT_NAME, service_accounts_of
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import ConfigError, UpdaterError
from argocd_image_updater.registry.credentials.secret_search import (
    ARGOCD_SETTING,
    WORKLOAD_SETTING,
    best_pull_secret,
    best_repository_secret,
    is_bound,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

    from argocd_image_updater.core.application import Application
    from argocd_image_updater.core.projects import Project
    from argocd_image_updater.core.service_accounts import ServiceAccount
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings
    from argocd_image_updater.core.snapshot import Secret
    from argocd_image_updater.registry.endpoints import EndpointTable

# Objects that are read at the same time, and images matched before the event loop has its turn.
READS_AT_ONCE = 16
MATCHES_PER_TURN = 50
MAX_WARNINGS = 20

_Value = TypeVar("_Value")
_Read = dict[ObjectKey, "_Value | UpdaterError | None"]


class ReadsDestinations(Protocol):
    """What the search reads; None = there is none; an error of it is an UpdaterError."""

    async def service_account(self, key: ObjectKey) -> ServiceAccount | None: ...

    async def project(self, key: ObjectKey) -> Project | None: ...


class ReadsSecrets(Protocol):
    """Secrets, read once a cycle by whoever keeps them."""

    async def read(self, key: ObjectKey) -> Secret | None: ...

    async def list_labelled(
        self, namespace: str, *, label: str, values: frozenset[str]
    ) -> Sequence[Secret]: ...


@dataclass(frozen=True, slots=True)
class SearchRules:
    """What is looked at.

    workload: pull secrets of ServiceAccounts. argocd: repository Secrets in `argocd_namespace`.
    projects_decide: false where all manifests belong to one owner, so that no project is asked.
    """

    argocd_namespace: str
    workload: bool = False
    argocd: bool = False
    projects_decide: bool = True

    @property
    def is_on(self) -> bool:
        return self.workload or self.argocd


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image that nothing is configured for: where it stands, and whom it will be asked of."""

    intent: int
    image: int
    api_url: str
    repository: str


@dataclass(slots=True)
class _Known:
    """What was read for this cycle."""

    projects: _Read[Project] = field(default_factory=dict)
    accounts: _Read[ServiceAccount] = field(default_factory=dict)
    secrets: _Read[Secret] = field(default_factory=dict)
    repositories: Sequence[Secret] | UpdaterError = ()

    @property
    def has_bound_repositories(self) -> bool:
        """Tell whether a repository Secret is meant for one project only."""
        found = self.repositories
        return not isinstance(found, UpdaterError) and any(map(is_bound, found))


if TYPE_CHECKING:
    _Search = Callable[[Application, _Wanted, _Known], FoundCredentials]


class _NotHere(Exception):
    """Nothing is looked for here; the text says why."""


class CredentialSearch:
    """The search of one cycle."""

    def __init__(
        self,
        rules: SearchRules,
        *,
        table: EndpointTable,
        destinations: ReadsDestinations,
        secrets: ReadsSecrets,
    ) -> None:
        self._rules = rules
        self._table = table
        self._destinations = destinations
        self._secrets = secrets
        self._warnings: Counter[str] = Counter()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person may want to know although no image ended by it."""
        told = sorted(self._warnings)
        more = len(told) - MAX_WARNINGS
        return (*told[:MAX_WARNINGS], *([f"{more} more of these"] if more > 0 else []))

    async def complete(self, intents: Sequence[ApplicationIntent]) -> Sequence[ApplicationIntent]:
        """Return the intents, each image that names no credentials with what was found for it."""
        wanted = [item for place, intent in enumerate(intents) for item in self._of(place, intent)]
        applications = {item.intent: intents[item.intent].application for item in wanted}
        known = await self._read(applications.values())
        images = {place: list(intents[place].images) for place in applications}
        for turn, item in enumerate(wanted):
            found = self._find(applications[item.intent], item, known)
            settings = images[item.intent][item.image]
            images[item.intent][item.image] = replace(settings, found=found)
            if turn % MATCHES_PER_TURN == 0:
                await asyncio.sleep(0)
        return [
            replace(intent, images=tuple(images[place])) if place in images else intent
            for place, intent in enumerate(intents)
        ]

    def _of(self, place: int, intent: ApplicationIntent) -> Iterable[_Wanted]:
        for number, settings in enumerate(intent.images):
            asked = None if settings.pull_secret else self._asked(settings)
            if asked is not None:
                yield _Wanted(place, number, *asked)

    def _asked(self, settings: ImageSettings) -> tuple[str, str] | None:
        """Return API URL and repository of an image whose registry has no credentials."""
        try:
            endpoint = self._table.lookup(settings.reference)
            repository = self._table.repository_of(endpoint, settings.reference)
        except ConfigError:
            return None  # nobody will be asked; the plan says why
        if endpoint.for_repository(repository).credentials:
            return None
        return endpoint.api_url, repository

    # --- reading ------------------------------------------------------------------------------

    async def _read(self, applications: Iterable[Application]) -> _Known:
        known, rules = _Known(), self._rules
        some = list(applications)
        if rules.argocd and some:
            known.repositories = await self._repositories()
        if rules.projects_decide:
            keys = {self._project_key(item) for item in some if self._needs_project(item, known)}
            known.projects = await _read_all(keys, self._destinations.project)
        if rules.workload:
            accounts = {key for item in some for key in self._accounts(item, known)}
            known.accounts = await _read_all(accounts, self._destinations.service_account)
            secrets = {key for item in known.accounts.values() for key in _pull_secrets(item)}
            known.secrets = await _read_all(secrets, self._secrets.read)
        return known

    async def _repositories(self) -> Sequence[Secret] | UpdaterError:
        try:
            return await self._secrets.list_labelled(
                self._rules.argocd_namespace, label=SECRET_TYPE_LABEL, values=REPOSITORY_TYPES
            )
        except UpdaterError as error:
            return error

    def _needs_project(self, application: Application, known: _Known) -> bool:
        is_elsewhere = application.key.namespace != self._rules.argocd_namespace
        deploys = self._rules.workload and not _no_destination(application)
        return deploys or (is_elsewhere and known.has_bound_repositories)

    def _project_key(self, application: Application) -> ObjectKey:
        return ObjectKey(self._rules.argocd_namespace, application.project or DEFAULT_PROJECT)

    def _accounts(self, application: Application, known: _Known) -> tuple[ObjectKey, ...]:
        try:
            self._check_destination(application, known)
            return service_accounts_of(application)
        except (_NotHere, UpdaterError):
            return ()  # told when its images are looked at

    # --- deciding -----------------------------------------------------------------------------

    def _find(self, application: Application, wanted: _Wanted, known: _Known) -> FoundCredentials:
        """Return what is there for one image: of its workload, else of Argo CD, else nothing."""
        notes = []
        for name, setting, search in self._searches():
            try:
                return search(application, wanted, known)
            except _NotHere as why:
                notes.append(f"no {name}: {why}")
            except ConfigError as error:
                return _failed(Reason.SETTINGS_INVALID, f"{name}: {error}", application)
            except UpdaterError as error:
                told = f"{name} ({setting}): {error}{f'; {error.hint}' if error.hint else ''}"
                return _failed(Reason.CREDENTIALS_UNAVAILABLE, told, application)
        return FoundCredentials(note="; ".join(notes))

    def _searches(self) -> Iterator[tuple[str, str, _Search]]:
        """Yield what is searched, the flag that wants it, and how, in order."""
        if self._rules.workload:
            yield "pull secrets of the workload", WORKLOAD_SETTING, self._of_workload
        if self._rules.argocd:
            yield "repository Secrets of Argo CD", ARGOCD_SETTING, self._of_argocd

    def _of_workload(
        self, application: Application, wanted: _Wanted, known: _Known
    ) -> FoundCredentials:
        self._check_destination(application, known)
        secrets = []
        for key in service_accounts_of(application):
            account = _value(known.accounts, key)
            if account is None:
                if key.name != DEFAULT_NAME:
                    self._warn(f"ServiceAccount {key}, named by {application.key}, does not exist")
                continue
            for secret_key in _pull_secrets(account):
                secret = _value(known.secrets, secret_key)
                if secret is None:
                    self._warn(f"pull secret {secret_key} of ServiceAccount {key} does not exist")
                else:
                    secrets.append(secret)
        try:
            found = best_pull_secret(secrets, api_url=wanted.api_url, repository=wanted.repository)
        except ConfigError as error:
            raise UpdaterError(str(error)) from None  # the Secret is at fault, not the settings
        if found is None:
            raise _NotHere(f"none in {application.destination.namespace} is for this registry")
        return FoundCredentials(Finder.WORKLOAD, found, note=f"pull secret {found} of the workload")

    def _of_argocd(
        self, application: Application, wanted: _Wanted, known: _Known
    ) -> FoundCredentials:
        if isinstance(known.repositories, UpdaterError):
            raise known.repositories
        found = best_repository_secret(
            known.repositories,
            project=self._own_project(application, known),
            api_url=wanted.api_url,
            repository=wanted.repository,
        )
        if found is None:
            raise _NotHere("none is for this registry")
        return FoundCredentials(Finder.ARGOCD, found, note=f"repository Secret {found} of Argo CD")

    def _own_project(self, application: Application, known: _Known) -> str:
        """Return the project of an Application, empty where it does not really belong to one."""
        name = application.project or DEFAULT_PROJECT
        is_argocd = application.key.namespace == self._rules.argocd_namespace
        if is_argocd or not self._rules.projects_decide:
            return name
        if not known.has_bound_repositories:
            return ""  # nobody needs to know
        project = _value(known.projects, self._project_key(application))
        return name if project is not None and takes(project, application) else ""

    def _check_destination(self, application: Application, known: _Known) -> None:
        """Let pass only whose project may deploy to where it wants to.

        Raises:
            _NotHere: it is not looked at.
            UpdaterError: its project cannot be read.
        """
        if why := _no_destination(application):
            raise _NotHere(why)
        if not self._rules.projects_decide:
            return
        namespace, key = application.destination.namespace, self._project_key(application)
        project = _value(known.projects, key)
        why = ""
        if project is None:
            why = f"AppProject {key} does not exist"
        elif not takes(project, application):
            why = f"AppProject {key} takes no Applications of {application.key.namespace}"
        elif not deploys_here(project, namespace):
            why = f"AppProject {key} does not permit namespace {namespace}"
        if why:
            self._warn(f"Application {application.key} gets no pull secrets of {namespace}: {why}")
            raise _NotHere(why)

    def _warn(self, text: str) -> None:
        self._warnings[text] += 1


def _no_destination(application: Application) -> str:
    destination = application.destination
    if not destination.is_own_cluster:
        return "another cluster" if destination.server or destination.name else "no cluster named"
    return "" if destination.namespace else "the destination names no namespace"


def _pull_secrets(account: ServiceAccount | UpdaterError | None) -> Iterable[ObjectKey]:
    if account is None or isinstance(account, UpdaterError):
        return ()
    return (ObjectKey(account.key.namespace, name) for name in account.pull_secrets)


def _failed(reason: Reason, message: str, application: Application) -> FoundCredentials:
    problem = Problem(reason, message, application=application.key)
    return FoundCredentials(problem=problem, note="the search failed")


def _value(read: Mapping[ObjectKey, _Value | UpdaterError | None], key: ObjectKey) -> _Value | None:
    """Return what was read.

    Raises:
        UpdaterError: it could not be read.
    """
    found = read.get(key)
    if isinstance(found, UpdaterError):
        raise found
    return found


async def _read_all(
    keys: Iterable[ObjectKey], read: Callable[[ObjectKey], Awaitable[_Value | None]]
) -> _Read[_Value]:
    """Read many objects, a few at a time; an error is the answer for its object alone."""
    turns = asyncio.Semaphore(READS_AT_ONCE)

    async def one(key: ObjectKey) -> _Value | UpdaterError | None:
        async with turns:
            try:
                return await read(key)
            except UpdaterError as error:
                return error

    ordered = sorted(keys)
    return dict(zip(ordered, await asyncio.gather(*map(one, ordered)), strict=True))

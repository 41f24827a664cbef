"""A registry and its mirrors, each behind a proxy that notes and can spoil what it is asked."""

import re
import time
from collections import Counter

from argocd_image_updater.core.facts import (
    MetadataQuestion,
    RepositoryKey,
    TagExistsQuestion,
    TagListQuestion,
)
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore
from registries.identities import ONCE

PLATFORMS = ("linux/amd64",)
_KINDS = (
    ("lists", r"GET .*/tags/list"),
    ("heads", r"HEAD .*/manifests/"),
    ("manifests", r"GET .*/manifests/sha256:"),
    ("manifests by tag", r"GET .*/manifests/(?!sha256:)"),
    ("blobs", r"GET .*/blobs/"),
    ("referrers", r"GET .*/referrers/"),
)


class MirrorScene:
    """One process that reads a repository of `registry` through mirrors.

    registry, mirrors: proxies. mirror: more keys of the first mirror, as YAML. environ: of the
    process. path: of the mirrors' URLs. passed_s: how far its clock is ahead.
    """

    def __init__(
        self, registry, mirrors, repository, *, mirror="", environ=None, path="", entry="", conf=""
    ):
        self.proxies = {"registry": registry}
        self.proxies |= {f"mirror {number}": one for number, one in enumerate(mirrors, start=1)}
        self.key = RepositoryKey("reg.test", repository)
        self.passed_s = 0.0
        self.lookups = Counter()
        self._noted = dict.fromkeys(self.proxies, 0)
        keys = [f", {mirror}" if mirror else "", *[""] * len(mirrors)]
        listed = [f"{{url: '{one.base}{path}'{keys[at]}}}" for at, one in enumerate(mirrors)]
        self.table = load_table(
            f"registries: [{{name: local, prefix: reg.test, api_url: '{registry.base}'{entry}}}"
            f"{conf}]",
            ca_directories=(),
            extra=(
                f"registries: [{{prefix: reg.test, mirrors: [{', '.join(listed)}]}}]",
                "registries.extra.conf",
            ),
        )
        self.network = RegistryNetwork(
            policy=ONCE,
            timing=Timing(monotonic=lambda: time.monotonic() + self.passed_s),
            observe_cache=lambda look: self.lookups.update([(look.cache.value, look.is_hit)]),
        )
        self._store = FactStore.in_memory()
        self.engine = RegistryEngine(
            network=self.network,
            resolver=CredentialResolver(environ=environ or {}, clock=time.monotonic),
            store=self._store,
            unix=time.time,
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.network.aclose()
        self._store.close()

    async def cycle(self, *questions):
        """Ask in a new cycle; return the answers by question."""
        self.engine.begin_cycle(self.table)
        return await self.engine.ask(questions)

    async def tags(self):
        """Return the list of tags of a new cycle, or its failure."""
        (listed,) = (await self.cycle(TagListQuestion(self.key))).values()
        return sorted(listed.tags) if hasattr(listed, "tags") else listed

    async def images(self, *tags, fresh=False):
        """Return the images of tags in a new cycle, by tag."""
        questions = [MetadataQuestion(self.key, tag, PLATFORMS, fresh=fresh) for tag in tags]
        answers = await self.cycle(*questions)
        return {question.tag: answers[question] for question in questions}

    async def exists(self, tag):
        """Ask in the same cycle whether a tag exists; return all answers that come along."""
        return await self.engine.ask([TagExistsQuestion(self.key, tag)])

    def asked(self, name):
        """Count what a proxy was asked since the last time, by kind, without pings."""
        proxy = self.proxies[name]
        lines, self._noted[name] = proxy.lines[self._noted[name] :], len(proxy.lines)
        counts = Counter(
            next(kind for kind, pattern in _KINDS if re.match(pattern, line))
            for line in lines
            if not line.endswith(" /v2/")
        )
        return dict(counts)

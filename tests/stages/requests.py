"""A stage whose changes are proposed: a pull request at a forge in place of a push to the base."""

import contextlib
from dataclasses import dataclass, field

from forges.azure_devops import AzureDevOpsDialect
from forges.bitbucket import BitbucketDialect
from forges.bitbucket_data_center import BitbucketDataCenterDialect
from forges.gitea import GiteaDialect
from forges.github import GitHubDialect
from forges.gitlab import GitLabDialect
from forges.model import RequestModel
from forges.server import ForgeServer
from registries.connect_proxy import ConnectProxy
from servers.git_server import commit_files
from stages.standalone import (
    Stage,
    application,
    git_write_back,
    images,
    reference,
    resource,
    source,
)

# Kind → how its API is served for a repository of a stage.
DIALECTS = {
    "github": lambda stage: GitHubDialect(
        stage.requests, token=stage.git.password, owner="acme", name=stage.repository_name
    ),
    "gitlab": lambda stage: GitLabDialect(
        stage.requests, token=stage.git.password, project=f"acme/{stage.repository_name}"
    ),
    "gitea": lambda stage: GiteaDialect(
        stage.requests, token=stage.git.password, owner="acme", name=stage.repository_name
    ),
    "bitbucket": lambda stage: BitbucketDialect(
        stage.requests, token=stage.git.password, workspace="acme", name=stage.repository_name
    ),
    "bitbucketDataCenter": lambda stage: BitbucketDataCenterDialect(
        stage.requests, token=stage.git.password, project="acme", slug=stage.repository_name
    ),
    "azureDevOps": lambda stage: AzureDevOpsDialect(
        stage.requests, token=stage.git.password, organization="acme", name=stage.repository_name
    ),
}
# Kind → the path of a repository where it is not OWNER/NAME.
PATHS = {"bitbucketDataCenter": "scm/acme/{name}", "azureDevOps": "acme/project/_git/{name}"}
# Kind → the hosts of a service that has one of its own for its API; a proxy leads to the test's.
HOSTS = {"bitbucket": ("bitbucket.org", "api.bitbucket.org")}


@dataclass
class RequestStage(Stage):
    """Application ``web``, whose values file is written through requests at a forge of a kind.

    block: further fields of ``pullRequest``; config: of ``gitConfig``.
    """

    kind: str = "github"
    block: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)

    def __post_init__(self):
        self.hosts = HOSTS.get(self.kind, ())
        self._opened = contextlib.ExitStack()
        if self.hosts:
            self.proxy = self._opened.enter_context(ConnectProxy(self.git.port))
        super().__post_init__()
        self.push("1.0.0", "1.1.0")
        self.repository(files={**self.values("web"), "README": b"r\n"})
        self.open_forge()
        self.add(application("web", source(self.url(), "web")))
        self.propose_by(self.block)

    def open_forge(self):
        self.requests = RequestModel(self.bare())
        server = ForgeServer(DIALECTS[self.kind](self), port=self.git.api_port)
        self.forge = self._opened.enter_context(server)

    def close(self):
        self._opened.close()

    @property
    def repository_name(self):
        return f"{self.name.partition('/')[2]}-deploy"

    def git_path(self, name="deploy"):
        repository = f"{self.name.partition('/')[2]}-{name}"
        return PATHS.get(self.kind, "acme/{name}").format(name=repository)

    def url(self, name="deploy"):
        """Return the URL as this forge has it; Azure DevOps leaves the ending out."""
        if self.hosts:
            return f"https://{self.hosts[0]}/{self.git_path(name)}.git"
        url = super().url(name)
        return url.removesuffix(".git") if "/_git/" in url else url

    def git_access(self):
        """Return Secret and certificates; a service in the cloud is reached through the proxy."""
        secret, certificates = super().git_access()
        if self.hosts:
            secret["stringData"] |= {"url": f"https://{self.hosts[0]}", "proxy": self.proxy.url}
            authority = certificates["data"]["localhost"]
            certificates["data"] |= dict.fromkeys(self.hosts, authority)
        return secret, certificates

    def propose_by(self, block):
        """Write the resource with these fields of ``pullRequest``."""
        config = {"pullRequest": {self.kind: {}, **block}, **self.config}
        listed = images(web=f"{self.image()}:1.x")
        self.add(resource("updater", [reference("web", listed)], **git_write_back(**config)))

    def head(self):
        """Return the name of the only branch that requests have."""
        (head,) = {item.head for item in self.requests.select()}
        return head

    def newest(self):
        return self.requests.select()[0]

    def commit(self, path, content, *, branch="main"):
        """Commit as somebody else does."""
        base = self.requests.tip(branch)
        return commit_files(self.bare(), {path: content}, branch=branch, base=base)

    def tag(self, branch):
        """Return the tag that the values file of a branch asks for."""
        text = self.file("web/values.yaml", branch=branch)
        return text.partition("tag: ")[2].partition(" ")[0]

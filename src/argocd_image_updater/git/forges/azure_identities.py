"""Finds the identities of people and teams of a project at Azure DevOps.

The API of identities is at another host than the rest, to which no credential is sent; the teams of
a project tell the same about those who work on it.

Source of the rules: https://learn.microsoft.com/rest/api/azure/devops/core/teams,
docs/pull-requests.md.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading, records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.git.forges.transport import ForgeClient

TEAMS_NAMED = 100  # by which a team is found
TEAMS_READ = 20  # of them, whose members are looked through
MEMBERS_READ = 500  # of each team
_VERSION = {"api-version": "5.1"}
_IDENTITY = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Identities:
    """The people and teams of one project."""

    def __init__(self, client: ForgeClient, project: str) -> None:
        self._client = client
        self._root = f"/_apis/projects/{quote(project, safe='')}/teams"

    async def find(self, names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        """Return the ids of what is named, and a warning for each name that nobody has.

        names: ids, names of teams, or what people are called or sign in with.
        """
        found = {name: name for name in names if _IDENTITY.fullmatch(name)}
        wanted = {name.lower(): name for name in names if name not in found}
        try:
            if wanted:
                found |= await self._look_up(wanted)
        except GitError as error:
            return found, [f"reviewers could not be looked up: {error}"]
        lacking = [name for name in names if name not in found]
        return found, [f"no team has a member {name}: nobody was asked" for name in lacking]

    async def _look_up(self, wanted: dict[str, str]) -> dict[str, str]:
        teams = await self._values(self._root, count=TEAMS_NAMED)
        found: dict[str, str] = {}
        with reading(self._client):
            for team in teams:
                if (name := wanted.get(str(team["name"]).lower())) is not None:
                    found[name] = str(team["id"])
            ids = [quote(str(team["id"]), safe="") for team in teams[:TEAMS_READ]]
        for team_id in ids:
            if found.keys() >= set(wanted.values()):
                break
            members = await self._values(f"{self._root}/{team_id}/members", count=MEMBERS_READ)
            with reading(self._client):
                for member in members:
                    person = member["identity"]
                    for key in ("uniqueName", "displayName"):
                        if (name := wanted.get(str(person.get(key)).lower())) is not None:
                            found.setdefault(name, str(person["id"]))
        return found

    async def _values(self, path: str, *, count: int) -> list[Any]:
        answer = await self._client.get(path, {"$top": str(count), **_VERSION})
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, "the teams could not be read")
        with reading(self._client):
            return records(self._client, answer.content["value"])

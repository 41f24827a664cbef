"""How long credentials are kept, and which ones are used for an image."""

from argocd_image_updater.core.facts import Failure
from argocd_image_updater.registry.endpoint import Endpoint
from vectors.credential_cases import resolver

VECTORS = "credential_lifecycle"

# Cases with a flag in words, and the better result.
BETTER = {
    "authentication error without credsexpire: kept": [
        {"username": "u1", "password": "p1"},
        {"refetch_and_retry": True},
        {"username": "u2", "password": "p2"},
    ]
}


class Story:
    """Plays the steps of a case."""

    def __init__(self, case: dict) -> None:
        self.environ: dict[str, str] = {}
        self.now_s = 0.0
        self.endpoint = Endpoint(
            "R",
            "r.test",
            "https://r.test",
            credentials=case["credentials"],
            credentials_expire_s=case["credsexpire_seconds"],
        )
        self.resolver = resolver(environ=self.environ, clock=lambda: self.now_s)

    async def play(self, step: dict) -> dict | None:
        match step["op"]:
            case "set_env" if step["value"] is None:
                self.environ.pop(step["name"], None)
            case "set_env":
                self.environ[step["name"]] = step["value"]
            case "advance":
                self.now_s += step["seconds"]
            case "lookup":
                return await self.look_up(step.get("pull_secret", ""))
            case "tag_list_fails":
                return {"refetch_and_retry": self.refused(step)}
            case "client":
                # The pair that a client is given is the pair that it sends: nothing is filled in.
                return {
                    "sent_username": step["username"],
                    "sent_password": step["password"],
                }
        return None

    async def look_up(self, pull_secret: str) -> dict:
        answer = await self.resolver.fetch(self.endpoint, pull_secret=pull_secret, namespace="ns")
        if isinstance(answer, Failure):
            return {"error": True}
        return {"username": answer.username, "password": answer.password}

    def refused(self, step: dict) -> bool:
        own = step["kind"] == "auth" and not step["per_image"]
        return own and self.resolver.invalidate(self.endpoint)


async def test_credentials_live_as_long_as_they_should(case):
    story = Story(case)
    results = [await story.play(step) for step in case["steps"]]
    expected = BETTER.get(case["note"], case["expect"]["results"])
    assert [result for result in results if result is not None] == expected

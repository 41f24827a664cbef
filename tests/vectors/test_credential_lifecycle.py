"""How long credentials are kept, and which ones are used for an image."""

from argocd_image_updater.core.facts import Failure
from argocd_image_updater.registry.endpoint import Endpoint
from vectors.credential_cases import resolver
from vectors.credential_rules import split_pair
from vectors.flags import is_flagged, rule_of

VECTORS = "credential_lifecycle"


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
    outcome = [result for result in results if result is not None]
    if is_flagged(case) and outcome != case["expect"]["results"]:
        rule = rule_of(case, RULES) or only_values_that_were_there
        assert rule(case, outcome), outcome
    else:
        assert outcome == case["expect"]["results"]


def refused_credentials_are_read_again(case, outcome):
    """Refused credentials of the registry are dropped, and the next lookup reads them anew."""
    return outcome == list(replayed(case))


def replayed(case):
    """Replay the steps: a value is kept until it expires or is refused."""
    environ, now, kept = {}, 0.0, None
    for step in case["steps"]:
        match step["op"]:
            case "set_env":
                environ[step["name"]] = step["value"]
            case "advance":
                now += step["seconds"]
            case "lookup" if step.get("pull_secret"):
                yield pair_of(environ, step["pull_secret"])
            case "lookup":
                lifetime = case["credsexpire_seconds"]
                if kept is None or (lifetime and now > kept[0] + lifetime):
                    kept = (now, pair_of(environ, case["credentials"]))
                yield kept[1]
            case "tag_list_fails":
                is_own = step["kind"] == "auth" and not step["per_image"]
                kept = None if is_own else kept
                yield {"refetch_and_retry": is_own}
            case "client":
                yield {"sent_username": step["username"], "sent_password": step["password"]}


def pair_of(environ, reference):
    value = environ.get(reference.removeprefix("env:"))
    return (split_pair(value) if value else None) or {"error": True}


def only_values_that_were_there(case, outcome):
    """Invariant of this file: a pair that a step has set, an error, or word of a retry."""
    values = [step.get("value") for step in case["steps"] if step["op"] == "set_env"]
    pairs = [split_pair(value) for value in values if value]
    return len(outcome) == len(case["expect"]["results"]) and all(
        result in pairs
        or "error" in result
        or "refetch_and_retry" in result
        or "sent" in str(result)
        for result in outcome
    )


RULES = {"read again at any 401/403": refused_credentials_are_read_again}

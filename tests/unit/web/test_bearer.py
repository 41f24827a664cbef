"""Who may read: refusals, and how long answers are kept."""

import asyncio

import pytest

from argocd_image_updater.errors import RemoteError
from argocd_image_updater.web.bearer import BearerGate, Refusal

USERS = {"good": {"username": "prometheus"}, "weak": {"username": "visitor"}}


class Reviews:
    """Users and rights as a table; counts what it is asked."""

    def __init__(self):
        self.users = dict(USERS)
        self.allowed = {"prometheus"}
        self.callers = self.rights = 0
        self.fault = None

    async def caller(self, token):
        self.callers += 1
        await asyncio.sleep(0)  # others may ask meanwhile
        if self.fault == "caller":
            raise RemoteError("the API server is away")
        return self.users.get(token)

    async def may_get(self, caller, path):
        assert path == "/metrics"
        self.rights += 1
        if self.fault == "right":
            raise RemoteError("the API server is away")
        return caller["username"] in self.allowed


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def reviews():
    return Reviews()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(reviews, clock):
    return BearerGate(reviews, path="/metrics", monotonic=clock)


async def test_a_user_with_the_right_may_read(gate):
    assert await gate.refusal("Bearer good") is None
    assert await gate.refusal("bearer  good ") is None


@pytest.mark.parametrize("header", ["", "good", "Basic Z29vZA==", "Bearer", "Bearer "])
async def test_without_a_token_nobody_is_asked(gate, reviews, header):
    assert await gate.refusal(header) == Refusal(401, "Unauthorized\n")
    assert reviews.callers == 0


async def test_a_token_of_nobody_is_unauthorized(gate):
    assert await gate.refusal("Bearer bad") == Refusal(401, "Unauthorized\n")


async def test_a_user_without_the_right_is_refused_by_name(gate):
    refusal = await gate.refusal("Bearer weak")
    assert refusal == Refusal(403, "Authorization denied for user visitor\n")


@pytest.mark.parametrize("fault", ["caller", "right"])
async def test_a_review_that_fails_is_told_and_not_kept(gate, reviews, caplog, fault):
    reviews.fault = fault
    refusal = await gate.refusal("Bearer good")
    assert refusal.status == 500
    assert "the API server is away" in caplog.text
    assert "good" not in caplog.text
    reviews.fault = None
    assert await gate.refusal("Bearer good") is None


@pytest.mark.parametrize(
    ("token", "fresh_s", "callers", "rights"),
    [("good", 59, 1, 1), ("good", 61, 2, 1), ("good", 301, 2, 2), ("bad", 29, 1, 0)],
)
async def test_good_answers_are_kept(gate, reviews, clock, *, token, fresh_s, callers, rights):
    await gate.refusal(f"Bearer {token}")
    clock.now_s = fresh_s
    await gate.refusal(f"Bearer {token}")
    assert (reviews.callers, reviews.rights) == (callers, rights)


async def test_denials_are_forgotten_sooner(gate, reviews, clock):
    assert (await gate.refusal("Bearer weak")).status == 403
    assert (await gate.refusal("Bearer late")).status == 401
    reviews.allowed.add("visitor")
    reviews.users["late"] = USERS["good"]
    clock.now_s = 31
    assert await gate.refusal("Bearer weak") is None
    assert await gate.refusal("Bearer late") is None


async def test_many_tokens_do_not_fill_the_memory(gate):
    for number in range(3000):
        await gate.refusal(f"Bearer {number}")
    assert len(gate._callers._values) <= 1024


async def test_the_same_token_is_reviewed_once_however_many_ask(gate, reviews):
    # More than may be reviewed at the same time, so that the last find the first one's answer.
    await asyncio.gather(*(gate.refusal("Bearer good") for _ in range(50)))
    assert reviews.callers <= 4


async def test_the_token_itself_is_not_kept(gate):
    await gate.refusal("Bearer good")
    assert all(b"good" not in key for key in gate._callers._values)

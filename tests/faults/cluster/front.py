"""A front of the API server in a thread of its own, so that the program under test is a process.

Rules say which requests are met and how: a pattern that is searched for in ``GET /path?query`` and
an action. The first rule that fits and is not used up decides; without one a request is passed on,
watches included. A `Gate` stops a request before the API server has it, or its answer.
"""

import asyncio
import re
import threading

from aiohttp import web

from clusters.fault_front import FaultFront
from faults.http_proxy import Rule

LIMIT_S = 60  # of what this thread is asked to do
_LOOK_S = 0.01


class Gate:
    """Stops one request. after: the API server has done what was asked, nobody knows it yet."""

    def __init__(self, *, after=False):
        self._after = after
        self._reached = threading.Event()
        self._go = threading.Event()

    def is_reached(self):
        return self._reached.is_set()

    def open(self):
        self._go.set()

    async def __call__(self, front, request):
        if not self._after:
            await self._hold()
            return await front.pass_on(request)
        found = await front.ask(request)
        await self._hold()
        return found

    async def _hold(self):
        self._reached.set()
        while not self._go.is_set():  # noqa: ASYNC110 - another thread opens it
            await asyncio.sleep(_LOOK_S)


def answer(make):
    """Answer with what the function makes, and do not ask the API server."""

    async def act(front, request):
        return make()

    return act


async def hang(front, request):
    """Never answer."""
    await asyncio.Event().wait()


async def lose_answer(front, request):
    """Have it done, and end the connection before the answer."""
    await front.ask(request)
    request.transport.abort()
    return web.Response()


class Front(FaultFront):
    """Use as an ordinary context manager; everything happens in its thread."""

    def __init__(self, api):
        super().__init__(api)
        self._rules = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self):
        self._thread.start()
        self._run(self.__aenter__())
        return self

    def __exit__(self, *_):
        self._run(self.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def on(self, pattern, action, *, times=None):
        """Meet the requests that a pattern fits; times: how often, None = until `off`."""
        self._rules.append(Rule(pattern, action, times))
        return action

    def off(self, action):
        """Let the requests that an action met pass from now on."""
        self._rules = [rule for rule in self._rules if rule.action is not action]

    def asked(self, pattern):
        """Return the requests that a pattern fits."""
        return [line for line in self.lines if re.search(pattern, line)]

    async def ask(self, request):
        """Have the API server do what is asked, and return its whole answer."""
        async with self._asked(request) as found:
            body = await found.read()
            kind = found.headers.get("Content-Type", "")
            headers = {"Content-Type": kind, **_encoding(found)}
            return web.Response(status=found.status, headers=headers, body=body)

    async def pass_on(self, request):
        """Hand a request on, and its answer piece by piece."""
        return await self._pass_on(request)

    async def _answer(self, request):
        line = f"{request.method} {request.path_qs}"
        self.lines.append(line)
        action = self._action(line)
        return await (self.pass_on(request) if action is None else action(self, request))

    def _action(self, line):
        for rule in self._rules:
            if rule.times != 0 and re.search(rule.pattern, line):
                if rule.times is not None:
                    rule.times -= 1
                return rule.action
        return None

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)


def _encoding(found):
    name = "Content-Encoding"
    return {name: found.headers[name]} if name in found.headers else {}

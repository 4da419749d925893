"""What a server on loopback lets in: requests to its own name, of its own pages, of a bounded size.

A browser takes any page's request to ``127.0.0.1``. Two checks keep foreign pages out: the ``Host``
must be the server's own (a foreign name that resolves to loopback is DNS rebinding), and an ``Origin``,
which browsers send with requests of other pages, must be that host. Bodies are bounded, with or
without a ``Content-Length``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from planb.errors import PlanBError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MOST_BYTES = 4 * 2**20
"""The largest body of a request, in bytes: 4 MiB."""
MOST_DRAINED, PATIENCE = 4 * MOST_BYTES, 2.0
"""So many bytes of a refused body are still taken in, for so many seconds."""
_Refused = tuple[int, str]


class Guard:
    """An ASGI middleware. ``hosts``: the names that the server answers to, without a port; None: any,
    for one that was put on the network on purpose. Its refusals are OpenAI's error objects."""

    def __init__(self, app: Any, hosts: frozenset[str] | None = LOOPBACK) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(headers) or _too_large(headers)
        body, more = b"", scope["type"] == "http"
        while more and not refused:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_BYTES:
                refused = _LARGE
        if refused:
            if more:
                await _drained(receive)
            await _refuse(refused, scope, receive, send)
            return
        await self.app(scope, _again(body, receive), send)

    def _refused(self, headers: dict[str, str]) -> _Refused | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.hosts is not None and _name(host) not in self.hosts:
            return 421, "the Host of this request is not this server's name: use its own address"
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "requests of pages of another origin are not answered"
        return None


def serve_guarded(app: Any, host: str, port: int, listening: Callable[[str], None]) -> None:
    """Serve an ASGI application until it is stopped. ``listening`` gets its address, once it answers;
    port 0 takes a free one. On a loopback address only requests to loopback names are answered."""
    import uvicorn

    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise PlanBError(f"cannot listen at {host}:{port} ({error}): use another --port") from error
    listening(f"http://{host}:{listener.getsockname()[1]}")
    guarded = Guard(app, LOOPBACK if host in LOOPBACK else None)
    uvicorn.Server(uvicorn.Config(guarded, log_level="warning")).run(sockets=[listener])


_LARGE: _Refused = (413, f"the request's body is larger than {MOST_BYTES:,} bytes")


def _too_large(headers: dict[str, str]) -> _Refused | None:
    said = headers.get("content-length", "0")
    return _LARGE if not said.isdecimal() or int(said) > MOST_BYTES else None


def _name(host: str) -> str:
    """``localhost`` of ``LOCALHOST:8000``, ``::1`` of ``[::1]:8000``; "" of what is no host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _again(body: bytes, receive: Any) -> Any:
    """A body that has been read, as if it came now."""
    given = False

    async def read() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


async def _drained(receive: Any) -> None:
    """Take in what is still being sent, and keep none of it: a client that is cut off while it sends
    never reads why."""
    from anyio import move_on_after

    taken, more = 0, True
    with move_on_after(PATIENCE):
        while more and taken < MOST_DRAINED:
            message = await receive()
            taken += len(message.get("body", b""))
            more = message.get("more_body", False)


async def _refuse(refused: _Refused, scope: Any, receive: Any, send: Any) -> None:
    from starlette.responses import JSONResponse
    from starlette.websockets import WebSocketClose

    status, said = refused
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    error = {"error": {"message": said, "type": "invalid_request_error"}}
    await JSONResponse(error, status_code=status, headers={"connection": "close"})(scope, receive, send)

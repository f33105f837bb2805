"""Clients that cost the machine little: plain sockets and epoll, no asyncio, so that what is measured is the server.

Each function is one client with several connections; `Client` runs it in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

_BUFFER = 1 << 18
_PATIENCE = 10.0  # seconds after the end in which what is late may still be answered


@dataclass
class Asked:
    """What one client saw: the seconds that it ran, the processor time that it took itself, how many answers it had
    with 200 and others (or none), and how long each accepted one took."""

    seconds: float = 0.0
    busy: float = 0.0
    done: int = 0
    refused: int = 0
    took: list[float] = field(default_factory=list)


class _Line:
    """One keep-alive connection. `feed` is called when something can be read."""

    def __init__(self, port: int, buffer: memoryview) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.head = b""
        self.due = 0.0
        self._buffer = buffer
        self._left: int | None = None  # bytes still to come; None before the head's end
        self._unsent = memoryview(b"")

    def send(self, data: bytes) -> bool:
        """False where not all of it could be sent yet."""
        self._unsent, self._left, self.head = memoryview(data), None, b""
        return self.go_on()

    def go_on(self) -> bool:
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        return True

    def feed(self) -> bool:
        """True where an answer is complete."""
        count = self.socket.recv_into(self._buffer)
        if not count:
            raise ConnectionError("the server closed a connection")
        if self._left is None:
            self.head += bytes(self._buffer[:count])
            top, end, rest = self.head.partition(b"\r\n\r\n")
            if not end:
                return False
            self.head = top.lower()
            self._left = int(self.head.partition(b"content-length: ")[2].partition(b"\r")[0]) - len(rest)
        else:
            self._left -= count
        return self._left == 0


def ask_again(port: int, seconds: float, request: bytes, connections: int, lead: float = 0.0) -> Asked:
    """Pages: each connection asks again as soon as it was answered. A visitor's cookie is kept. The first `lead`
    seconds do not count."""
    buffer = memoryview(bytearray(_BUFFER))
    lines = [_Line(port, buffer) for _ in range(connections)]
    cookies: dict[_Line, bytes] = {}
    told = Asked()
    with selectors.DefaultSelector() as selector:
        for line in lines:
            line.send(request % b"")
            selector.register(line.socket, selectors.EVENT_READ, line)
        began, busy, counting = time.perf_counter() + lead, time.process_time(), not lead
        end = began + seconds
        while (now := time.perf_counter()) < end:
            if not counting and now >= began:
                counting, began, busy, told.done = True, now, time.process_time(), 0
            for key, _ in selector.select(0.1):
                line = key.data
                if line.feed():
                    told.done += 1
                    if line not in cookies:
                        cookies[line] = b"; " + line.head.partition(b"set-cookie: ")[2].partition(b";")[0]
                    line.send(request % cookies[line])
        told.seconds, told.busy = time.perf_counter() - began, time.process_time() - busy
    for line in lines:
        line.socket.close()
    return told


def post(
    port: int, seconds: float, make: Callable[[], bytes], connections: int, every: float = 0.0, lead: float = 0.0
) -> Asked:
    """Bodies, each made when it is sent. One each `every` seconds by any free connection, and one that is late for want
    of one counts from when it was due; with 0.0, as fast as they are answered. Those due in the first `lead` seconds
    do not count."""
    buffer = memoryview(bytearray(_BUFFER))
    lines = [_Line(port, buffer) for _ in range(connections)]
    free, told, turn = deque(lines), Asked(), 0
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
        began = time.perf_counter()
        counted, end, busy = began + lead, began + lead + seconds, time.process_time()
        waiting: deque[float] = deque()  # when those that are late were due
        while True:
            now = time.perf_counter()
            while every and began + turn * every <= min(now, end):
                waiting.append(began + turn * every)
                turn += 1
            while free and (waiting or (not every and now < end)):
                line = free.popleft()
                line.due = waiting.popleft() if every else now
                if not line.send(make()):
                    selector.modify(line.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, line)
            if now >= end and (len(free) == len(lines) or now > end + _PATIENCE):
                told.refused += len(waiting) + len(lines) - len(free)
                break
            pause = max(0.0, began + turn * every - now) if every and now < end else 0.1
            for key, events in selector.select(pause):
                line = key.data
                if events & selectors.EVENT_WRITE and line.go_on():
                    selector.modify(line.socket, selectors.EVENT_READ, line)
                if events & selectors.EVENT_READ and line.feed():
                    free.append(line)
                    if line.due < counted:
                        continue
                    if line.head.startswith(b"http/1.1 200"):
                        told.done += 1
                        told.took.append(time.perf_counter() - line.due)
                    else:
                        told.refused += 1
        told.seconds, told.busy = seconds, time.process_time() - busy
    for line in lines:
        line.socket.close()
    return told


class Client:
    """A process of its own that runs what it is told to. `start` returns at once, `result` waits."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()

    def start(self, run: Callable[..., Asked], *arguments: Any, **more: Any) -> None:
        self._pipe.send((run, arguments, more))

    def result(self) -> Asked:
        told: Asked = self._pipe.recv()
        return told

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def _work(pipe: Connection) -> None:
    while True:
        run, arguments, more = pipe.recv()
        pipe.send(run(*arguments, **more))

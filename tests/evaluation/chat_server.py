"""A stand-in that speaks the chat-completions protocol, and fails in the ways that real endpoints do."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Fault(NamedTuple):
    """An answer that is none: an HTTP error, or `reset`, `hang`, `drip`, `break` (off), `garbage` instead of JSON."""

    status: int = 0
    told: str = "no"
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        if self.server.models is None:
            self.send(404, b"not here")
        else:
            self.send(200, json.dumps({"data": [{"id": name} for name in self.server.models]}).encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((self.path, self.headers.get("Authorization"), body))
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            made = self.server.answer(body)
            if isinstance(made, Fault):
                self.fail(made)
            else:
                choice = {"message": {"role": "assistant", "content": made}, "finish_reason": "stop"}
                words = [len(body["messages"][-1]["content"].split()), len(made.split())]
                usage = dict(zip(("prompt_tokens", "completion_tokens"), words, strict=True))
                self.send(200, json.dumps({"choices": [choice], "usage": usage}).encode())
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def fail(self, fault):
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
        elif fault.kind == "hang":
            time.sleep(1.5)
        elif fault.kind == "drip":
            self.send(200, b"", length=1000)
            for _ in range(100):
                self.wfile.write(b" ")
                time.sleep(0.1)
        elif fault.kind == "break":
            self.send(200, b'{"choices": [', length=1000)
        elif fault.kind == "garbage":
            self.send(200, fault.told.encode())
        else:
            self.send(fault.status, fault.told.encode(), fault.headers)

    def send(self, status, content, headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that has gone is no news here."""


@contextmanager
def serving(answer, models=("teacher-1", "teacher-2")):
    """Serve on a free port; `answer` makes a text or a `Fault` of a request's body."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answer, server.models, server.lock = answer, models, threading.Lock()
        server.asked, server.paths, server.at_once, server.most_at_once = [], [], 0, 0
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()

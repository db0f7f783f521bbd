"""A stand-in of the Hub over HTTP: what the real client asks for when it pushes, and failures as told."""

import base64
import hashlib
import json
import re
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

LARGE = re.compile(r"\.(safetensors|parquet|bin|png)$")


class HubStandIn:
    """Repositories in memory, behind `url`.

    Args:
        token: The only one that may do anything; without it every answer is 401.
        known: Card metadata of models that are there, by id.

    Attributes:
        repositories: {(kind, id): {path: bytes}}.
        commits: (id, paths) of each commit.
        requests: (method, path, authorization, body) of each request, in order.
        read_only: Ids that can be read and not written.
        ignored: Paths that every repository's .gitignore names.
        lost: Paths whose content a commit loses.
    """

    def __init__(self, token="hf_writetoken", known=None):
        self.token, self.known = token, known or {}
        self.repositories, self.commits, self.requests, self.read_only = {}, [], [], set()
        self.ignored, self.lost = set(), set()
        self._stored, self._faults, self._trees = {}, [], {}
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _any(self):
                length = int(self.headers.get("Content-Length") or 0)
                stand_in._serve(self, self.rfile.read(length))

            do_GET = do_POST = do_PUT = do_HEAD = _any

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def fail(self, where, *answers):
        """The next requests whose `METHOD /path` holds this are answered so.

        Each answer is a status, (status, Retry-After), "reset", "drip" (a blank now and then), or seconds to hang.
        """
        self._faults += [(where, answer) for answer in answers]

    def sent(self, method="", path=""):
        """Requests that were made."""
        return [request for request in self.requests if request[0].startswith(method) and path in request[1]]

    def _serve(self, handler, body):
        method, path = handler.command, handler.path.split("?")[0]
        self.requests.append((method, path, handler.headers.get("Authorization"), body))
        for fault in self._faults:
            if fault[0] in f"{method} {path}":
                self._faults.remove(fault)
                if fault[1] == "reset":
                    handler.connection.shutdown(socket.SHUT_RDWR)
                    handler.close_connection = True
                    return
                if isinstance(fault[1], float):
                    time.sleep(fault[1])
                    handler.close_connection = True
                    return
                if fault[1] == "drip":
                    self._drip(handler)
                    return
                status, *later = fault[1] if isinstance(fault[1], tuple) else (fault[1],)
                self._answer(handler, status, {"error": f"told to answer {status}"}, *later)
                return
        if path.startswith("/store/"):  # where files go is not the Hub's, and is not sent its token
            self._stored[path.rpartition("/")[2]] = body
            self._answer(handler, 200, {})
        elif handler.headers.get("Authorization") != f"Bearer {self.token}":
            self._answer(handler, 401, {"error": "Invalid credentials in Authorization header"})
        else:
            self._answer(handler, *self._reply(method, path, body))

    def _drip(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b" ")
                time.sleep(0.1)
        except OSError:  # the client has gone
            pass
        handler.close_connection = True

    def _answer(self, handler, status, content, retry_after=None):
        text = json.dumps(content).encode()
        handler.send_response(status)
        if retry_after:
            handler.send_header("Retry-After", retry_after)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text if handler.command != "HEAD" else b"")

    def _reply(self, method, path, body):
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if found := re.fullmatch(r"/api/(model|dataset)s/([^/]+/[^/]+)/(preupload|commit)/main", path):
            repository = self.repositories.get((found[1], found[2]))
            if repository is None:
                return 404, {"error": "Repository not found"}
            if found[2] in self.read_only:
                return 403, {"error": "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request"}
            return (
                self._modes(repository, body)
                if found[3] == "preupload"
                else self._commit(found[1], found[2], repository, body)
            )
        if found := re.fullmatch(r"/api/(model|dataset)s/([^/]+/[^/]+)/paths-info/(\w+)", path):
            tree = self._trees.get((found[1], found[2], found[3]))
            wanted = urllib.parse.parse_qs(body.decode()).get("paths", [])
            return (404, {"error": "no such revision"}) if tree is None else (200, self._infos(tree, wanted))
        if found := re.fullmatch(r"/(?:datasets/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            return 200, {"transfer": "basic", "objects": [self._action(o) for o in json.loads(body)["objects"]]}
        if found := re.fullmatch(r"/api/(model|dataset)s/([^/]+/[^/]+)(?:/revision/main)?", path):
            if (found[1], found[2]) in self.repositories:
                return 200, {"id": found[2], "sha": f"{len(self.commits):040x}", "siblings": []}
            if found[2] in self.known:
                return 200, {"id": found[2], "sha": "0" * 40, "siblings": [], "cardData": self.known[found[2]]}
        return 404, {"error": f"nothing at {method} {path}"}

    def _create(self, asked):
        name = f"{asked['organization'] or 'me'}/{asked['name']}"
        if name in self.read_only:
            return 403, {"error": "You don't have the rights to create a model under this namespace"}
        if (asked["type"], name) in self.repositories:
            return 409, {"error": "You already created this model repo", "url": f"{self.url}/{name}"}
        self.repositories[asked["type"], name] = {}
        prefix = "datasets/" if asked["type"] == "dataset" else ""
        return 200, {"url": f"{self.url}/{prefix}{name}", "name": name}

    def _validate(self, content):
        """A little of what the Hub looks at."""
        head = re.match(r"---\n(.*?)\n---", content, re.DOTALL)
        facts = yaml.safe_load(head[1]) if head else {}
        errors = [
            {"message": f'"{key}" must be a string'}
            for key in ("license", "library_name", "pipeline_tag")
            if not isinstance(facts.get(key, ""), str)
        ]
        return (400 if errors else 200), {"errors": errors, "warnings": []}

    def _modes(self, repository, body):
        files = []
        for file in json.loads(body)["files"]:
            large, there = bool(LARGE.search(file["path"])), repository.get(file["path"])
            files.append({"path": file["path"], "uploadMode": "lfs" if large else "regular"})
            files[-1]["shouldIgnore"] = file["path"] in self.ignored
            files[-1]["oid"] = None if there is None else oid(there, large)
        return 200, {"files": files}

    def _action(self, wanted):
        action = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in self._stored:
            action["actions"] = {"upload": {"href": f"{self.url}/store/{wanted['oid']}"}}
        return action

    def _infos(self, tree, wanted):
        found = []
        for path in wanted:
            if path in tree:
                content, large = tree[path], bool(LARGE.search(path))
                found.append({"type": "file", "path": path, "size": len(content), "oid": oid(content, large=False)})
                if large:
                    found[-1]["lfs"] = {"oid": oid(content, large), "size": len(content), "pointerSize": 130}
        return found

    def _commit(self, kind, name, repository, body):
        entries = [json.loads(line) for line in body.splitlines()]
        changed = {}
        for entry in entries[1:]:
            value = entry["value"]
            large = entry["key"] == "lfsFile"
            if large and value["oid"] not in self._stored:
                return 400, {"error": f"{value['path']} was not uploaded"}
            changed[value["path"]] = self._stored[value["oid"]] if large else base64.b64decode(value["content"])
        repository.update({path: content for path, content in changed.items() if path not in self.lost})
        self.commits.append((name, sorted(changed)))
        made = f"{len(self.commits):040x}"
        self._trees[kind, name, made] = dict(repository)
        return 200, {"commitUrl": f"{self.url}/{name}/commit/{made}", "commitOid": made, "success": True}


def oid(content, large):
    """As git names it, or its large file storage."""
    if large:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

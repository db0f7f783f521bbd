"""A stand-in for `vllm serve` as TRL 1.16 speaks to it, which samples from a real model; and a client without NCCL.

Of TRL's client all is real (what it asks, in which order, how it reads log-probabilities, that a weight update and
the broadcast go on side by side) but for two things that no machine without an accelerator has: the package vllm,
whose rendezvous and broadcast of weights are a queue here, and `requests`, which comes with it.
"""

import queue
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps, loads
from types import SimpleNamespace

import torch
from trl.generation import vllm_client, vllm_generation

MODEL = "some/tiny"
INFO = {
    "weight_transfer_config": {"backend": "nccl"},
    "model_config": {"logprobs_mode": "processed_logprobs"},
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        card = {"id": self.server.name, "root": self.server.name, "max_model_len": self.server.window}
        answers = {
            "/health": None,
            "/v1/models": {"data": [card]},
            "/server_info": {"vllm_config": self.server.info},
            "/get_world_size": {"world_size": self.server.world},
        }
        status = self.server.status.get(path, 200 if path in answers else 404)
        self.reply(answers[path] if status == 200 else {"detail": "Not Found"}, status)

    def do_POST(self):
        self.server.asked.append(self.path)
        body = loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers = {
            "/v1/completions": self.complete,
            "/update_weights": self.update,
            "/init_weight_transfer_engine": lambda _: {"message": "ok"},
            "/start_weight_update": lambda _: {"message": "ok"},
            "/finish_weight_update": lambda _: {"message": "ok"},
            "/reset_prefix_cache": lambda _: {"success": True},
        }
        self.reply(answers[self.path](body), 200)

    def complete(self, body):
        """Choices prompt by prompt, their log-probabilities after temperature and truncation."""
        choices = []
        for prompt in body["prompt"]:
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(len(self.server.drawn))
                made = self.server.model.generate(
                    torch.tensor([prompt] * body["n"]),
                    do_sample=True,
                    max_new_tokens=body["max_tokens"],
                    **{name: body[name] for name in ("temperature", "top_p", "top_k", "repetition_penalty")},
                    return_dict_in_generate=True,
                    output_scores=True,
                )
            table = torch.stack(made.scores, 1).log_softmax(-1)  # (n, T, vocabulary)
            for i, row in enumerate(made.sequences[:, len(prompt) :].tolist()):
                ends = [t for t, token in enumerate(row) if token in self.server.model.generation_config.eos_token_id]
                ids = row[: ends[0] + 1] if ends else row
                logps = [table[i, t, token].item() for t, token in enumerate(ids)]
                tokens = [f"token_id:{token}" for token in ids]
                tops = [{token: logp} for token, logp in zip(tokens, logps, strict=True)]
                logprobs = {"tokens": tokens, "token_logprobs": logps, "top_logprobs": tops}
                choices.append({"prompt_token_ids": prompt, "token_ids": ids, "logprobs": logprobs})
                self.server.drawn.append((prompt, ids, logps))
        return {"choices": choices}

    def update(self, body):
        """Take what is broadcast meanwhile, in the announced order."""
        weights = dict(self.server.model.named_parameters())
        info = body["update_info"]
        for name, dtype, shape in zip(info["names"], info["dtype_names"], info["shapes"], strict=True):
            sent_name, sent = self.server.broadcast.get(timeout=20)
            assert (sent_name, str(sent.dtype), list(sent.shape)) == (name, f"torch.{dtype}", shape)
            if self.server.learns:
                weights[name].data = sent.clone()
        self.server.updates += 1
        return {"message": "ok"}

    def reply(self, answer, status):
        content = b"" if answer is None else dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def serving(model=None, learns=True):
    """Serve on a free port. Without `learns`, weights that are sent are taken and forgotten."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.model, server.learns, server.updates, server.broadcast = model, learns, 0, queue.Queue()
        server.name, server.window, server.world, server.status = MODEL, 256, 1, {}
        server.info, server.asked, server.drawn = deepcopy(INFO), [], []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


class Reply:
    """Of `requests`, what TRL reads of an answer."""

    def __init__(self, code, content, headers):
        self.status_code, self.text, self.headers = code, content.decode(), headers

    def json(self):
        return loads(self.text)


class Session:
    """Of `requests`, what TRL calls."""

    def mount(self, *_):
        pass

    def get(self, url, params=None):
        return self.post(f"{url}?{'&'.join(f'{k}={v}' for k, v in (params or {}).items())}", method="GET")

    def post(self, url, json=None, method="POST"):
        data = dumps(json).encode() if method == "POST" else None
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=30) as answer:
                return Reply(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            return Reply(error.code, error.read(), error.headers)


class Client(vllm_client.VLLMClient):
    """TRL's client, which joins no group of workers: there are none on a CPU."""

    def init_communicator(self, device=0):
        assert self.get_server_info()["weight_transfer_config"] is not None
        info = {"master_port": self.group_port, "rank_offset": 1, "world_size": self.get_world_size() + 1}
        self._post(f"{self.base_url}/init_weight_transfer_engine", json={"init_info": info})


def without_vllm(monkeypatch, server):
    """Let TRL's client speak to the stand-in although neither vllm nor requests is there."""

    def broadcast(iterator, group, src, post_iter_func):
        for item in iterator:
            server.broadcast.put((item[0], post_iter_func(item).detach()))

    for module in (vllm_client, vllm_generation):
        monkeypatch.setattr(module, "is_vllm_available", lambda *_, **__: True)
    parts = {
        "is_requests_available": lambda: True,
        "requests": SimpleNamespace(
            Session=Session, get=Session().get, exceptions=SimpleNamespace(RequestException=OSError)
        ),
        "HTTPAdapter": lambda **_: None,
        "Retry": lambda **_: None,
        "packed_nccl_broadcast_producer": broadcast,
        "_HAS_STATEFUL_TRAINER_ENGINE": True,
        "_HAS_RESET_PREFIX_CACHE_SUCCESS": True,
    }
    for name, part in parts.items():
        monkeypatch.setattr(vllm_client, name, part, raising=False)
    monkeypatch.setattr(vllm_generation, "VLLMClient", Client)

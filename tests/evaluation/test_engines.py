"""Samples drawn by seeds of their own: the right distribution, whatever is drawn beside them."""

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import embedded
from data import render_prompt
from errors import UserError
from evaluation import vllm
from evaluation.engines import (
    Completion,
    Request,
    Sampling,
    SeededChoice,
    ServerEngine,
    TransformersEngine,
    VLLMEngine,
    sample_seed,
)

PROMPTS = ["a", "a longer prompt", "b", "the longest prompt of them all", "c"]


def test_tokens_are_drawn_with_the_probabilities_of_the_model():
    """Of 40,000 draws a share p has a standard error of at most 0.0025; five of them leave one chance in a million."""
    logits = torch.tensor([2.0, -1.0, 0.5, float("-inf"), 1.0])
    n = 40_000
    chosen = SeededChoice(range(n), 1)(torch.zeros(n, 1), logits.repeat(n, 1)).argmax(dim=1)
    shares = torch.bincount(chosen, minlength=5) / n
    assert torch.allclose(shares, logits.softmax(0), atol=0.0125)
    assert shares[3] == 0


def test_consecutive_tokens_of_a_row_are_independent():
    """Joint shares of two steps are products; the standard error is at most 0.0025."""
    n, logits = 40_000, torch.log(torch.tensor([0.3, 0.7]))
    choice = SeededChoice(range(n), 2)
    first, second = (choice(torch.zeros(n, 1), logits.repeat(n, 1)).argmax(dim=1) for _ in range(2))
    assert (first & second).double().mean() == pytest.approx(0.49, abs=0.0125)


def test_seeds_differ_between_problems_and_samples_and_do_not_between_machines():
    seeds = {sample_seed(seed, problem, i) for seed in range(3) for problem in ("p", "q") for i in range(8)}
    assert len(seeds) == 48
    assert sample_seed(42, "p", 0) == 7366653070202256984  # sha256 of "42\np\n0", the first 63 bits


@pytest.mark.parametrize("sampling", [Sampling(12, 1.0), Sampling(12, 0.7, top_p=0.8), Sampling(12, 1.3, top_k=5)])
def test_a_sample_does_not_depend_on_those_beside_it(sampling, tiny_model, tiny_tokenizer):
    requests = [Request(prompt, sample_seed(0, prompt, i)) for prompt in PROMPTS for i in range(3)]
    together = TransformersEngine(tiny_model, tiny_tokenizer, 64).complete(requests, sampling)
    alone = [TransformersEngine(tiny_model, tiny_tokenizer, 1).complete([r], sampling)[0] for r in requests]
    backwards = TransformersEngine(tiny_model, tiny_tokenizer, 4).complete(requests[::-1], sampling)[::-1]
    assert together == alone == backwards
    assert len(set(together)) > 10


def test_top_k_of_one_is_greedy_decoding(tiny_model, tiny_tokenizer):
    engine = TransformersEngine(tiny_model, tiny_tokenizer)
    requests = [Request(prompt, 5) for prompt in PROMPTS]
    assert engine.complete(requests, Sampling(12, 1.0, top_k=1)) == engine.complete(requests, Sampling(12))


def test_a_completion_ends_with_the_stop_text():
    """With a model that writes words: in a random one's bytes a mark may lie across the parts of a character."""
    tokenizer = AutoTokenizer.from_pretrained(embedded.MODEL)
    engine = TransformersEngine(AutoModelForCausalLM.from_pretrained(embedded.MODEL), tokenizer)
    chat = [[{"role": "user", "content": f"What is 6+2*{n}?"}] for n in range(3, 9)]
    requests = [Request(render_prompt(prompt, tokenizer), n) for n, prompt in enumerate(chat)]
    whole = engine.complete(requests, Sampling(80, 1.0))
    words = {word for made in whole for word in made.text.split()}
    mark = next(w for w in sorted(words, key=len) if len(w) > 3 and 0 < sum(w in made.text for made in whole) < 6)
    for before, after in zip(whole, engine.complete(requests, Sampling(80, 1.0, stop=(mark,))), strict=True):
        at = before.text.find(mark)
        assert after.text.startswith(before.text if at < 0 else before.text[: at + len(mark)])
        assert len(after.text) - len(before.text if at < 0 else before.text[: at + len(mark)]) < 8  # its last token
        assert at < 0 or (not after.truncated and after.length < before.length)


class Server(BaseHTTPRequestHandler):
    """Speaks the completions protocol: answers with the number of tokens it was sent and the seed."""

    def do_GET(self):
        self.reply({"data": [{"id": "served"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        if body["seed"] == 13:
            self.send_error(500, "out of luck")
            return
        reason = "length" if body["seed"] % 2 else "stop"
        choice = {"text": f"{len(body['prompt'])}/{body['seed']}", "finish_reason": reason}
        self.reply({"choices": [choice], "usage": {"completion_tokens": 7}})

    def reply(self, answer):
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.bodies = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        running.url = f"http://127.0.0.1:{running.server_port}"
        yield running
        running.shutdown()


def test_a_server_gets_tokens_and_seeds_and_its_answers_keep_their_order(server, tiny_tokenizer):
    engine = ServerEngine(server.url, "served", tiny_tokenizer, batch_size=3)
    made = engine.complete([Request(p, i) for i, p in enumerate(PROMPTS)], Sampling(9, 0.5, top_p=0.9, stop=("x",)))
    lengths = [len(tiny_tokenizer(p, add_special_tokens=False)["input_ids"]) for p in PROMPTS]
    assert made == [Completion(f"{n}/{i}", 7, bool(i % 2)) for i, n in enumerate(lengths)]
    sent = {key: server.bodies[0][key] for key in ("model", "max_tokens", "temperature", "top_p", "top_k", "stop")}
    assert sent == {"model": "served", "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": -1, "stop": ["x"]}


def test_a_server_that_fails_or_is_missing_or_serves_another_model_is_refused_in_a_sentence(server, tiny_tokenizer):
    with pytest.raises(UserError, match="serves served; found --model other"):
        ServerEngine(server.url, "other", tiny_tokenizer)
    with pytest.raises(UserError, match="must be a running vLLM server"):
        ServerEngine("http://127.0.0.1:9", "served", tiny_tokenizer)
    with pytest.raises(UserError, match=r"500.*give the same command again"):
        ServerEngine(server.url, "served", tiny_tokenizer).complete([Request("a", 13)], Sampling(4, 1.0))


def test_the_offline_engine_gives_vllm_tokens_and_seeds(monkeypatch, tiny_tokenizer):
    """A stand-in for the package, which has no build for machines without an accelerator."""

    class LLM:
        def __init__(self, model, **settings):
            self.settings = settings

        def generate(self, prompts, parameters, use_tqdm):
            return [
                SimpleNamespace(
                    outputs=[
                        SimpleNamespace(text=f"{one.seed}", token_ids=prompt["prompt_token_ids"], finish_reason="stop")
                    ]
                )
                for prompt, one in zip(prompts, parameters, strict=True)
            ]

    monkeypatch.setattr(vllm, "installed", lambda: "0.30.0")
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=LLM, SamplingParams=lambda **k: SimpleNamespace(**k)))
    made = VLLMEngine("m", tiny_tokenizer, dtype="auto").complete(
        [Request("ab", 4), Request("c", 5)], Sampling(9, 1.0)
    )
    lengths = [len(tiny_tokenizer(p, add_special_tokens=False)["input_ids"]) for p in ("ab", "c")]
    assert made == [Completion("4", lengths[0], False), Completion("5", lengths[1], False)]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, r"needs the package vllm.*Install it \(pip install -c constraints.txt -e '.\[vllm\]'\).*--server"),
        ("0.33.0", r"TRL 1\.16\.0 works with, >=0\.22\.0, <=0\.31\.0; found 0\.33\.0.*--server"),
    ],
)
def test_without_a_fitting_vllm_the_refusal_names_the_way_out(found, told, monkeypatch, tiny_tokenizer):
    monkeypatch.setattr(vllm, "installed", lambda: found)
    with pytest.raises(UserError, match=told):
        VLLMEngine("m", tiny_tokenizer)


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch, tiny_tokenizer):
    assert vllm.SECONDS < 25
    monkeypatch.setattr(vllm, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UserError, match="no whole answer within"):
        ServerEngine(f"http://127.0.0.1:{silent.getsockname()[1]}", "served", tiny_tokenizer)

"""`cli.py doctor` line by line, each with what would make it complain; and how a command ends that meets a defect."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

import cli
import commands.doctor as doctor
import commands.doctoring.hub as hub
import commands.doctoring.machine as machine
from commands.doctoring.finding import Finding
from errors import UserError
from evaluation import vllm

ROOT = Path(__file__).parents[2]
SECRET = "hf_thisIsASecretThatMustNotBeShown"


@pytest.fixture(autouse=True)
def _loud(monkeypatch):
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)


def test_a_machine_that_passes_the_tests_is_fit(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "doctor"],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "note", "problem"}
    assert list(dict.fromkeys(line.split()[1] for line in lines)) == list(doctor.CHECKS)
    assert done.returncode == (2 if any(line.startswith("problem") for line in lines) else 0), done.stderr
    assert "trl 1.16" in done.stdout
    assert "3 of 3 answers graded as they should be" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_problem_is_exit_code_2_and_a_note_is_not(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", {"disk": lambda: [Finding("note", "little", "Make room")]})
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out == "note     disk      little. Make room.\n"
    monkeypatch.setattr(doctor, "CHECKS", {"disk": lambda: [Finding("problem", "none", "Make room")]})
    assert cli.main(["doctor"]) == 2
    assert "1 of these lines must be mended" in capsys.readouterr().err


def test_a_check_that_breaks_is_a_problem(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", {"device": lambda: 1 / 0})
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().out.startswith("problem  device    cannot be looked at: ZeroDivisionError")


@pytest.mark.parametrize(
    ("package", "found", "state", "told"),
    [
        ("trl", "1.17.0", "problem", "trl<1.17,>=1.16 is needed; found 1.17.0"),
        ("peft", None, "problem", "peft<1,>=0.21 is needed; found none"),
        ("torch", "2.14.0+cu130", "note", "other than the tested versions: torch 2.14.0+cu130 (2.13.0)"),
    ],
)
def test_versions_are_held_to_what_the_project_asks_for(package, found, state, told, monkeypatch):
    real = machine._version
    monkeypatch.setattr(machine, "_version", lambda name: found if name == package else real(name))
    findings = machine.packages()
    assert (state, told, machine.INSTALL) in findings


@pytest.mark.parametrize(("found", "state"), [("0.1.0", "problem"), ("0.30.0+cu129", "ok"), (None, "note")])
def test_vllms_version_is_held_to_trls_range(found, state, monkeypatch):
    monkeypatch.setattr(vllm, "installed", lambda: found)
    (finding,) = machine.vllm()
    assert finding.state == state
    assert f"{found or 'not installed'}; TRL 1.16" in finding.found
    assert finding.found.endswith("works with >=0.22.0, <=0.31.0")


def test_answers_that_are_graded_wrongly_are_named(monkeypatch):
    monkeypatch.setattr("rewards.verify", lambda golds, texts: [1.0] * len(golds))
    (finding,) = machine.verifier()
    assert finding.state == "problem"
    assert finding.found == r"answers are graded wrongly: 7 against \boxed{8}"


def test_a_machine_that_cannot_wall_code_in_is_told_what_needs_it(monkeypatch):
    def refuse(self):
        raise UserError("no protection works here.")

    monkeypatch.setattr("evaluation.sandbox.Sandbox.start", refuse)
    assert machine.sandbox() == [
        Finding("note", "no protection works here", "Only --tools python and seeds-tir need it")
    ]


@pytest.mark.parametrize(("free", "state"), [(30e9, "ok"), (5e9, "note"), (1e9, "problem")])
def test_room_for_a_run(free, state, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=free))
    assert machine.disk()[0].state == state


# --- the Hub -------------------------------------------------------------------------------------------------------


class Answering(http.server.BaseHTTPRequestHandler):
    """A Hub that knows one token."""

    def do_GET(self):
        known = self.headers.get("Authorization") == f"Bearer {SECRET}"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"name": "ada"} if known else {"error": "who?"}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Starts servers; returns the address of each."""
    servers = []

    def start(handler):
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        servers[-1].daemon_threads = True
        servers[-1].handle_error = lambda *_: None  # a client that has gone is no news here
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def asked(monkeypatch, serve):
    """What the doctor finds at an address, with a token or none."""
    here = serve(Answering)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def ask(token, address=here):
        monkeypatch.setattr(hub.constants, "ENDPOINT", address)
        monkeypatch.setattr(hub, "get_token", lambda: token)
        (finding,) = hub.hub()
        assert SECRET not in str(finding)
        return finding

    return ask


def test_who_is_logged_in(asked):
    assert asked(SECRET) == Finding("ok", "reachable; logged in as ada")
    assert asked(None) == Finding(
        "note", "reachable; nobody is logged in", "To push, and for gated models: hf auth login"
    )
    assert asked("hf_another").state == "problem"


def test_the_token_goes_to_no_other_host(asked, serve):
    """A Hub that sends on to another server is told of, and not followed."""
    brought = []

    class Elsewhere(Answering):
        def do_GET(self):
            brought.append(self.headers.get("Authorization"))
            super().do_GET()

    elsewhere = serve(Elsewhere)

    class Moved(Answering):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", f"{elsewhere}/api/whoami-v2")
            self.send_header("Content-Length", "0")
            self.end_headers()

    found = asked(SECRET, serve(Moved))
    assert brought == []
    assert found.state == "note"
    assert "sends on to another address (302)" in found.found


def test_a_hub_that_does_not_answer_is_no_problem(asked, serve, monkeypatch):
    assert asked(None, "http://127.0.0.1:9").state == "note"  # the port of discarding: nobody listens

    class Dripping(Answering):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            for _ in range(50):
                self.wfile.write(b" ")
                time.sleep(0.1)

    monkeypatch.setattr(hub, "SECONDS", 0.3)
    begin = time.perf_counter()
    assert "cannot be reached within 0.3 s" in asked(None, serve(Dripping)).found
    assert time.perf_counter() - begin < 3
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    assert asked(None).found == "offline, as HF_HUB_OFFLINE asks"


# --- how a command ends --------------------------------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    def broken_command(error):
        def main(argv):
            raise error

        monkeypatch.setitem(sys.modules, "commands.verdict", types.SimpleNamespace(main=main))

    return broken_command


def test_a_defect_is_one_paragraph_and_exit_code_1(broken, capsys):
    broken(KeyError("lost"))
    assert cli.main(["verdict"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith("error: KeyError: 'lost' (tests/commands/test_doctor.py, line ")
    assert "This is a defect of the toolkit, not of your settings." in told
    assert "--debug shows it" in told
    file = Path(told.split(" is in ")[1].split(";")[0])
    assert "raise error" in file.read_text()
    file.unlink()


@pytest.mark.parametrize("argv", [["--debug", "verdict"], ["verdict", "--debug"]])
@pytest.mark.parametrize("error", [KeyError("lost"), UserError("mend it")])
def test_debug_shows_the_traceback(broken, argv, error):
    broken(error)
    with pytest.raises(type(error)):
        cli.main(argv)


def test_too_little_memory_is_no_defect(broken, capsys):
    import torch

    broken(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."))
    assert cli.main(["verdict"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "Tried to allocate 2 GiB. Lower --per_device_train_batch_size" in told

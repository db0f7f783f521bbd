"""None of the attacks gets anything, as root and as an ordinary user."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from errors import UserError
from evaluation.sandbox import Sandbox
from tests.evaluation.attack_scene import Scene
from tests.evaluation.attacks import ATTACKS

ROOT = Path(__file__).parents[2]
NOBODY = 65534

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")


@pytest.fixture(scope="module")
def scene():
    with Scene() as scene:
        yield scene


@pytest.fixture(scope="module")
def sandbox(scene):
    try:
        with Sandbox(workers=1) as sandbox:
            yield sandbox
    except UserError as error:
        pytest.skip(f"code cannot be walled in here: {error}")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_nothing(name, sandbox, scene):
    assert scene.attack(name, sandbox) == []


def hidden_folder(path):
    """The first folder on the way to a file that others may not pass, None where all may."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)


def as_nobody(command):
    """A command line for an ordinary user, who is shown the interpreter even where it lies in root's home folder."""
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    interpreter = Path(sys.executable).resolve()
    hidden = hidden_folder(interpreter)
    if hidden is None:
        return drop
    shown = hidden / interpreter.relative_to(hidden).parts[0]
    script = (
        f"set -e; keep=$(mktemp -d); mount --bind {shown} $keep; mount -t tmpfs -o mode=755 none {hidden}; "
        f'mkdir {shown}; mount --bind $keep {shown}; umount $keep; rmdir $keep; exec "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, "sh", *drop]


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user; then the tests above are those")
def test_no_attack_of_an_ordinary_user_gets_anything():
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv of util-linux")
    if any(hidden_folder(path) for path in (Path(sys.executable), ROOT / "tests")):
        pytest.skip("an ordinary user may not enter the folder of this environment or checkout")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    can = subprocess.run(as_nobody([sys.executable, "-c", "import numpy"]), env=environment, check=False, timeout=60)
    if can.returncode:
        pytest.skip("an ordinary user cannot start this interpreter, and root may not mount it elsewhere")
    command = as_nobody([sys.executable, "-m", "tests.evaluation.attack_scene"])
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert json.loads(done.stdout or "null") == {"uid": NOBODY, "got": {}}, done.stderr

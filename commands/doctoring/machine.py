"""Whether what is installed and what this machine has suffices."""

import platform
import re
import shutil
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from commands.doctoring.finding import Finding
from errors import UserError
from evaluation import vllm as installed_vllm
from evaluation.vllm import INSTALL as ITS_INSTALL
from evaluation.vllm import named, supported

ROOT = Path(__file__).parents[2]
INSTALL = "Install the tested versions: pip install -c constraints.txt -e ."
ENOUGH, LITTLE = 20.0, 2.0  # GB
GOLDEN = (  # gold, text, verdict
    (r"\frac{1}{2}", r"so it is \boxed{0.5}", 1.0),
    (r"(1,\infty)", r"\boxed{x > 1}", 1.0),
    ("7", r"\boxed{8}", 0.0),
)


def packages() -> list[Finding]:
    """Python and the packages that the project names, against what it asks for and was tested with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    wanted = [*map(Requirement, project["dependencies"]), Requirement("torch")]
    python = platform.python_version()
    findings, fit, other = [], [], []
    if not SpecifierSet(project["requires-python"]).contains(python):
        needed = project["requires-python"]
        findings.append(Finding("problem", f"Python {python}, but {needed} is needed", "Make the environment with it"))
    for requirement in wanted:
        name, found = requirement.name, _version(requirement.name)
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            asked = f"{name}{requirement.specifier}"
            findings.append(Finding("problem", f"{asked} is needed; found {found or 'none'}", INSTALL))
        elif found.split("+")[0] != pinned.get(name, found):
            other.append(f"{name} {found} ({pinned[name]})")
        else:
            fit.append(f"{name} {found}")
    if other:
        findings.append(Finding("note", f"other than the tested versions: {', '.join(other)}", INSTALL))
    return [*findings, Finding("ok", f"Python {python}, {', '.join(fit)}")]


def devices() -> list[Finding]:
    """Accelerators, their memory, and whether they compute in bfloat16."""
    import torch

    if not torch.cuda.is_available():
        if torch.accelerator.is_available():
            return [
                Finding("note", f"accelerator {torch.accelerator.current_accelerator()}", "Not tested by this project")
            ]
        built = f"torch {torch.__version__}"
        return [Finding("note", f"no accelerator ({built})", "The embedded model trains without; real ones need one")]
    findings = []
    for i in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(i)
        found = f"{torch.cuda.get_device_name(i)}, {total / 1e9:.0f} GB, {free / 1e9:.0f} GB of them free"
        if torch.cuda.is_bf16_supported(including_emulation=False):
            findings.append(Finding("ok", f"{found}, bfloat16"))
        else:
            findings.append(
                Finding("note", f"{found}, no bfloat16", "float16 is used in its place, which may overflow")
            )
    return findings


def vllm() -> list[Finding]:
    """Whether vLLM is there, in a version that TRL works with."""
    found, known = installed_vllm.installed(), f"TRL {_version('trl')} works with {named(supported())}"
    if found is None:
        return [
            Finding("note", f"not installed; {known}", f"Only --use_vllm and --engine vllm need it: {ITS_INSTALL}")
        ]
    if not supported().contains(found, prereleases=True):
        return [Finding("problem", f"{found}; {known}", f"{ITS_INSTALL}, or leave --use_vllm and --engine vllm out")]
    return [Finding("ok", f"{found}; {known}")]


def sandbox() -> list[Finding]:
    """How model-written Python would be walled in."""
    from evaluation.sandbox import Sandbox

    try:
        with Sandbox(workers=1) as started:
            return [Finding("ok", started.describe().rstrip("."))]
    except UserError as error:
        return [Finding("note", str(error).rstrip("."), "Only --tools python and seeds-tir need it")]


def verifier() -> list[Finding]:
    """Three answers whose verdicts are known."""
    from rewards import verify

    found = verify([gold for gold, _, _ in GOLDEN], [text for _, text, _ in GOLDEN])
    wrong = [f"{g} against {t}" for (g, t, e), met in zip(GOLDEN, found, strict=True) if met != e]
    if wrong:
        return [Finding("problem", f"answers are graded wrongly: {'; '.join(wrong)}", INSTALL)]
    return [Finding("ok", f"{len(GOLDEN)} of {len(GOLDEN)} answers graded as they should be")]


def disk() -> list[Finding]:
    """Where outputs/ is, or would be."""
    place = next(path for path in (Path("outputs").resolve(), *Path("outputs").resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free / 1e9
    found = f"{free:.1f} GB are free for outputs/"
    remedy = "A checkpoint of a 1.5B model takes 19 GB: make room, or name --output_dir elsewhere"
    if free >= ENOUGH:
        return [Finding("ok", found)]
    return [Finding("note" if free >= LITTLE else "problem", found, remedy)]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

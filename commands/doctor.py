"""Is this machine fit for training? One line for each thing that is looked at, with the remedy where there is one."""

from collections.abc import Iterable

from commands.doctoring.finding import Finding
from commands.doctoring.hub import hub
from commands.doctoring.machine import devices, disk, packages, sandbox, verifier, vllm
from errors import UserError
from outgoing import put

CHECKS = {
    "packages": packages,
    "device": devices,
    "vllm": vllm,
    "hub": hub,
    "sandbox": sandbox,
    "verifier": verifier,
    "disk": disk,
}


def main(argv: list[str]) -> None:
    """Print the findings.

    Raises:
        UserError: Some of them are problems.
    """
    if {"-h", "--help"} & set(argv):
        put(f"usage: python cli.py doctor\n\n{__doc__}\n")
        return
    if argv:
        raise UserError(f"doctor takes no options; found {argv[0]}.")
    problems = [finding for name in CHECKS for finding in _told(name) if finding.state == "problem"]
    if problems:
        raise UserError(f"{len(problems)} of these lines must be mended before a run can be trusted.")


def _told(name: str) -> Iterable[Finding]:
    """Look, and print what is found; a check that breaks is a finding too."""
    try:
        findings = CHECKS[name]()
    except Exception as error:
        findings = [Finding("problem", f"cannot be looked at: {type(error).__name__}", "Install anew: make train")]
    for state, found, remedy in findings:
        put(f"{state:8} {name:9} {found}{f'. {remedy}' if remedy else ''}.\n")
    return findings

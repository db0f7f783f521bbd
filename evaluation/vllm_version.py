"""Which vLLM is installed, and which versions TRL works with: asked before anything is loaded or waited for."""

from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from errors import UserError

INSTALL = "pip install -c constraints.txt -e '.[vllm]'"


def installed() -> str | None:
    """The version of vLLM, None without one."""
    try:
        return version("vllm")
    except PackageNotFoundError:
        return None


@cache
def supported() -> SpecifierSet:
    """The versions that the installed TRL names for its extra `vllm`."""
    wanted = (Requirement(line) for line in requires("trl") or [])
    return next(one.specifier for one in wanted if one.name == "vllm")


def named(versions: SpecifierSet) -> str:
    """Versions for a person.

    >>> named(SpecifierSet("<=0.31.0,>=0.22.0"))
    '>=0.22.0, <=0.31.0'
    """
    return ", ".join(sorted(map(str, versions), reverse=True))


def require_vllm(option: str, way_out: str = "leave it out") -> None:
    """Refuse an option that needs vLLM where there is none, or one that TRL does not know.

    Args:
        option: As it was given.
        way_out: Beside installing.

    Raises:
        UserError: What was found, what is needed, and how to install it.
    """
    found = installed()
    if found is None:
        raise UserError(
            f"{option} needs the package vllm, which is not installed. Install it ({INSTALL}), or {way_out}."
        )
    if not supported().contains(found, prereleases=True):
        raise UserError(
            f"{option} needs a version of vLLM that TRL {version('trl')} works with, {named(supported())}; found "
            f"{found}. Install one ({INSTALL}), or {way_out}."
        )

"""The release of TRL that the seam is written against."""

import trl
from packaging.version import Version

if not Version("1.16") <= Version(trl.__version__) < Version("1.17"):
    raise ImportError(
        f"This project overrides private methods of trl and was tested with trl>=1.16,<1.17; found {trl.__version__}. "
        "Install the tested versions with `pip install -c constraints.txt -e .`."
    )

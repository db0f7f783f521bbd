"""How a jail starts the server: with the control socket's descriptor and the names of the walls as JSON."""

import json

from evaluation._sandbox import server


def main(arguments: list[str]) -> None:
    """Serve until the evaluator is gone."""
    server.main(int(arguments[0]), json.loads(arguments[1]))

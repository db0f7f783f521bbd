"""How a jail starts the server: the control socket's descriptor, the names of the walls as JSON, and a library."""

import json

from evaluation._sandbox import server


def main(arguments: list[str]) -> None:
    """Serve until the evaluator is gone."""
    server.main(int(arguments[0]), json.loads(arguments[1]), arguments[2])

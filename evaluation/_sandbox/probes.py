"""The self-test: a snippet that tries what is forbidden, and says of each attempt how it ended.

    SNIPPET.format(secret=…, victim=…, port=…, parent=…, socket=…)

The secret lies beside a shared library that the server has loaded.

It prints one line per attempt, "name refused" or "name through". An attempt that cannot be made at all, because a name
is misspelt, say, is not refused: only the errors below count.
"""

import re

SNIPPET = """
import ctypes, os, signal, socket

def attempt(name, act):
    try:
        act()
    except (PermissionError, FileNotFoundError, ProcessLookupError, ConnectionError, BlockingIOError) as error:
        print(name, "refused", flush=True)
    except OSError as error:
        print(name, "refused" if error.errno in (1, 13, 38, 101) else "through", flush=True)
    else:
        print(name, "through", flush=True)

def connect(kind, address, send=False):
    with socket.socket(*kind) as sock:
        sock.settimeout(1)
        sock.connect(address)
        sock.send(b"through")

def fork():
    if os.fork() == 0:
        os._exit(0)

def list_beside(path):
    if os.path.basename(path) not in os.listdir(os.path.dirname(path)):
        raise FileNotFoundError(path)  # a jail has folders of the same name

def write(path):
    with open(path, "w") as file:
        file.write("through")

def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")

attempt("read_a_file", lambda: open({secret!r}).read())
attempt("read_the_environment", lambda: open("/proc/{parent}/environ").read())
attempt("list_a_folder", lambda: list_beside({secret!r}))
attempt("write_a_file", lambda: write({victim!r}))
attempt("remove_a_file", lambda: os.remove({secret!r}))
attempt("signal_the_evaluator", lambda: os.kill({parent}, 0))
attempt("tcp", lambda: connect((socket.AF_INET, socket.SOCK_STREAM), ("127.0.0.1", {port})))
attempt("udp", lambda: connect((socket.AF_INET, socket.SOCK_DGRAM), ("127.0.0.1", {port})))
attempt("unix_socket", lambda: connect((socket.AF_UNIX, socket.SOCK_STREAM), {socket!r}))
attempt("fork", fork)
attempt("execute", lambda: os.execv("/bin/true", ["true"]))
attempt("namespaces", lambda: call({unshare}, 0x10000000))
"""

_ATTEMPT = re.compile(r'^attempt\("(\w+)"', re.MULTILINE)
NAMES = _ATTEMPT.findall(SNIPPET)
UNSHARE = {"x86_64": 272, "aarch64": 97}

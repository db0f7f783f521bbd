"""Snippets that try what a sandbox must refuse, each with how it must end.

A snippet prints THROUGH when it has done what it should not. `ends` is searched for in output and error, joined: so
a snippet that fails for a reason of its own (a misspelt name, a missing module) does not count as refused.
Places, see `attack_scene.Scene`: $home, $secret (a file), $project (a folder with a library that the server has loaded
and a secret, .env), $folder (all may write), $mark (a word in every name that is made up here), $tcp and $udp (ports),
$unix (a path), $abstract (a name), $parent (the evaluator's pid).
"""

from typing import NamedTuple

REFUSED = r"PermissionError|Operation not permitted|Permission denied"
ABSENT = rf"{REFUSED}|ProcessLookupError"
TIMEOUT, OUTPUT, MEMORY = r"TimeoutError: the code ran", r"OutputError: the code printed", r"MemoryError"
ENDED = r"the process was ended by SIG"
DONE = r"done"


class Attack(NamedTuple):
    code: str
    ends: str
    about: str  # the promise that it is against


CALL = """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(x86, arm, *arguments):
    done = libc.syscall(x86 if platform.machine() == "x86_64" else arm, *arguments)
    if done == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done
"""

LOADED = """
import ctypes, os, sys
class Loaded(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]
loaded = []
note = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Loaded), ctypes.c_size_t, ctypes.c_void_p)(
    lambda one, size, data: loaded.append(os.fsdecode(one.contents.name or b"")) or 0)
ctypes.CDLL(None).dl_iterate_phdr(note, None)
(beside,) = {os.path.dirname(name) for name in loaded if name.startswith("$project/")}
"""

READ = {
    "passwd": ("print('THROUGH', open('/etc/passwd').read()[:20])", REFUSED),
    "token in the home folder": ("print('THROUGH', open('$home/.cache/huggingface/token').read())", REFUSED),
    "netrc by a shell path": ("import os; print('THROUGH', os.open('$home/.netrc', os.O_RDONLY))", REFUSED),
    "a file that all may read": ("print('THROUGH', open('$secret').read())", REFUSED),
    "with numpy": ("import numpy; print('THROUGH', numpy.fromfile('$secret', 'u1'))", REFUSED),
    "with numpy's memory map": ("import numpy; print('THROUGH', numpy.memmap('$secret', mode='r'))", REFUSED),
    "with the C library": (
        CALL + "fd = libc.open(b'$secret', 0)\nassert fd < 0, 'THROUGH'\n"
        "raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))",
        REFUSED,
    ),
    "with openat2": (CALL + "print('THROUGH', call(437, 437, -100, b'$secret', bytes(24), 24))", REFUSED),
    "list the home folder": ("import os; print('THROUGH', os.listdir('$home'))", REFUSED),
    "list /tmp": ("import os; print('THROUGH', os.listdir('/tmp'))", REFUSED),
    "list the root": ("import os; print('THROUGH', os.listdir('/'))", REFUSED),
    "through a symbolic link": (
        "import os; os.symlink('$secret', '$folder/$mark'); print('THROUGH', open('$folder/$mark').read())",
        REFUSED,
    ),
    "through a symbolic link that is there": ("print('THROUGH', open('$folder/link').read())", REFUSED),
    "up from a library": (
        "import os, sympy; here = os.path.dirname(sympy.__file__)\n"
        "print('THROUGH', open(here + '/..' * 30 + '$secret').read())",
        REFUSED,
    ),
    "a secret beside a loaded library": (LOADED + "print('THROUGH', open(beside + '/.env').read())", REFUSED),
    "list the folder of a loaded library": (LOADED + "print('THROUGH', os.listdir(beside))", REFUSED),
    "list the folders of all loaded libraries": (
        LOADED + "for folder in {os.path.dirname(name) for name in loaded if '/' in name}:\n"
        "    if not any(os.path.normpath(folder).startswith(path) for path in sys.path):\n"
        "        try: print('THROUGH', os.listdir(folder))\n"
        "        except OSError as error: print(type(error))",
        REFUSED,
    ),
    "the files that are mapped": ("import os; print('THROUGH', os.listdir('/proc/self/map_files'))", REFUSED),
    "the project itself": ("import errors; print('THROUGH')", "No module named 'errors'"),
    "the evaluator's environment": ("print('THROUGH', open('/proc/$parent/environ').read())", REFUSED),
    "the server's environment": ("print('THROUGH', open('/proc/1/environ').read())", REFUSED),
    "its own /proc": ("print('THROUGH', open('/proc/self/maps').read()[:50])", REFUSED),
    "the evaluator's memory": ("print('THROUGH', open('/proc/$parent/mem', 'rb').read(1))", REFUSED),
    "process_vm_readv": (
        CALL + "place = ctypes.create_string_buffer(16)\nvector = (ctypes.c_ulong * 2)(ctypes.addressof(place), 16)\n"
        "print('THROUGH', call(310, 270, os.getppid() or 1, vector, 1, vector, 1, 0))",
        REFUSED,
    ),
    "/dev/mem": ("print('THROUGH', open('/dev/mem', 'rb').read(1))", f"{REFUSED}|FileNotFound"),
    "the disk": ("print('THROUGH', open('/dev/vda', 'rb').read(1))", f"{REFUSED}|FileNotFound"),
    "environment variables": (
        "import os\nsecret = [v for v in os.environ.values() if 'hf_' in v]\nprint('THROUGH' if secret else 'done')",
        DONE,
    ),
    "environment in memory": (
        "import ctypes\nbase = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')\n"
        "found, i = [], 0\nwhile base[i]:\n    found.append(base[i])\n    i += 1\n"
        "print('THROUGH' if any(b'hf_' in item for item in found) else 'done')",
        DONE,
    ),
    "earlier snippets in memory": (
        "import gc\nfound = [o for o in gc.get_objects() if isinstance(o, dict) and 'earlier_answer' in o.keys()]\n"
        "print('THROUGH' if any(f is not globals() for f in found) else 'done')",
        DONE,
    ),
    "frames of the server": (
        "import sys\nframe, found = sys._getframe(), []\nwhile frame:\n    found += list(frame.f_locals)\n"
        "    frame = frame.f_back\nprint('THROUGH' if {'gold', 'problem'} & set(found) else 'done')",
        DONE,
    ),
}

WRITE = {
    "a new file": ("open('$folder/$mark', 'w').write('x'); print('THROUGH')", REFUSED),
    "over a file": ("open('$secret', 'w').write('x'); print('THROUGH')", REFUSED),
    "append to a file": ("open('$secret', 'a').write('x'); print('THROUGH')", REFUSED),
    "in /tmp": ("open('/tmp/$mark', 'w').write('x'); print('THROUGH')", REFUSED),
    "with tempfile": ("import tempfile; tempfile.NamedTemporaryFile(); print('THROUGH')", "No usable temporary"),
    "in shared memory": ("open('/dev/shm/$mark', 'w').write('x'); print('THROUGH')", REFUSED),
    "with multiprocessing's shared memory": (
        "from multiprocessing.shared_memory import SharedMemory\nSharedMemory('$mark', True, 99); print('THROUGH')",
        REFUSED,
    ),
    "into a library": (
        "import sympy; open(sympy.__file__, 'a').write('x'); print('THROUGH')",
        REFUSED,
    ),
    "with numpy": ("import numpy; numpy.save('$folder/$mark', [1]); print('THROUGH')", REFUSED),
    "remove a file": ("import os; os.remove('$secret'); print('THROUGH')", REFUSED),
    "rename a file": ("import os; os.rename('$secret', '$folder/$mark'); print('THROUGH')", REFUSED),
    "truncate a file": ("import os; os.truncate('$secret', 0); print('THROUGH')", REFUSED),
    "change a file's mode": ("import os; os.chmod('$secret', 0o777); print('THROUGH')", REFUSED),
    "change a file's owner": ("import os; os.chown('$secret', os.getuid(), os.getgid()); print('THROUGH')", REFUSED),
    "change a file's times": ("import os; os.utime('$secret', (1, 1)); print('THROUGH')", REFUSED),
    "set an attribute": ("import os; os.setxattr('$secret', 'user.x', b'x'); print('THROUGH')", REFUSED),
    "a hard link": ("import os; os.link('$secret', '$folder/$mark'); print('THROUGH')", REFUSED),
    "a folder": ("import os; os.mkdir('$folder/$mark'); print('THROUGH')", REFUSED),
    "a pipe with a name": ("import os; os.mkfifo('$folder/$mark'); print('THROUGH')", REFUSED),
    "a device": ("import os; os.mknod('$folder/$mark', 0o20666, os.makedev(1, 1)); print('THROUGH')", REFUSED),
    "a file without a name": ("import os; os.open('$folder', os.O_TMPFILE | os.O_RDWR); print('THROUGH')", REFUSED),
    "its working folder": (
        "import os, shutil\nprint(os.getcwd())\nshutil.rmtree(os.getcwd()); print('THROUGH')",
        REFUSED,
    ),
    "fill the disk": (
        "import os\nfd = os.open('$folder/$mark', os.O_CREAT | os.O_WRONLY)\n"
        "os.posix_fallocate(fd, 0, 1 << 28); print('THROUGH')",
        REFUSED,
    ),
    "many files": (
        "import os\nfor i in range(20000):\n    os.close(os.open(f'$folder/$mark{i}', os.O_CREAT))\nprint('THROUGH')",
        REFUSED,
    ),
    "a memory file": ("import os; os.memfd_create('$mark'); print('THROUGH')", REFUSED),
    "mount": (CALL + "print('THROUGH', call(165, 40, b'none', b'$folder', b'tmpfs', 0, None))", REFUSED),
    "chroot": ("import os; os.chroot('$folder'); print('THROUGH')", REFUSED),
    "a message queue": (CALL + "print('THROUGH', call(68, 186, 0x5afe, 0o1666))", REFUSED),
    "System V shared memory": (CALL + "print('THROUGH', call(29, 194, 0x5afe, 4096, 0o1666))", REFUSED),
    "a key": (CALL + "print('THROUGH', call(248, 217, b'user', b'$mark', b'x', 1, -4))", REFUSED),
    "keyctl": (CALL + "print('THROUGH', call(250, 219, 0, -3, 1))", REFUSED),
}

NETWORK = {
    "tcp": (
        "import socket; socket.create_connection(('127.0.0.1', $tcp)).send(b'x'); print('THROUGH')",
        REFUSED,
    ),
    "udp": (
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', $udp)); print('THROUGH')",
        REFUSED,
    ),
    "unix": ("import socket; socket.socket(socket.AF_UNIX).connect('$unix'); print('THROUGH')", REFUSED),
    "abstract unix": (
        "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + '$abstract'); print('THROUGH')",
        REFUSED,
    ),
    "listen": (
        "import socket; s = socket.socket(); s.bind(('', 0)); s.listen(); print('THROUGH')",
        REFUSED,
    ),
    "a name": ("import socket; print('THROUGH', socket.getaddrinfo('example.org', 80))", r"gaierror|" + REFUSED),
    "a pair": ("import socket; socket.socketpair(); print('THROUGH')", REFUSED),
    "netlink": ("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); print('THROUGH')", REFUSED),
    "a raw socket": ("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print('THROUGH')", REFUSED),
    "io_uring": (CALL + "print('THROUGH', call(425, 425, 4, ctypes.create_string_buffer(120)))", REFUSED),
}

PROCESSES = {
    "subprocess": ("import subprocess; subprocess.run(['/bin/true']); print('THROUGH')", REFUSED),
    "os.system": ("import os; print('THROUGH' if os.system('true') == 0 else 'done')", DONE),
    "posix_spawn": ("import os; os.posix_spawn('/bin/true', ['true'], {}); print('THROUGH')", REFUSED),
    "execve": ("import os; os.execv('/bin/echo', ['echo', 'THROUGH'])", REFUSED),
    "execve of the interpreter": (
        "import os, sys; os.execv(sys.executable, ['python', '-c', 'print(\"THROUGH\")'])",
        REFUSED,
    ),
    "memfd and exec": (
        CALL + "fd = os.memfd_create('x')\nos.write(fd, open('/bin/echo', 'rb').read())\n"
        "os.execv(f'/proc/self/fd/{fd}', ['echo', 'THROUGH'])",
        REFUSED,
    ),
    "system() of the C library": (
        "import ctypes; print('THROUGH' if ctypes.CDLL(None).system(b'true') == 0 else 'done')",
        DONE,
    ),
    "numpy's ctypes": (
        "import numpy.ctypeslib as c\nprint('THROUGH' if c.ctypes.CDLL(None).system(b'true') == 0 else 'done')",
        DONE,
    ),
    "code in sympify": (
        'import sympy; sympy.sympify(\'__import__("os").execv("/bin/echo", ["echo", "THROUGH"])\')',
        REFUSED,
    ),
    "fork": ("import os\nif os.fork() == 0: os._exit(0)\nprint('THROUGH')", REFUSED),
    "fork bomb": ("import os\nfor _ in range(1000): os.fork()\nprint('THROUGH')", REFUSED),
    "vfork by number": (CALL + "print('THROUGH') if call(58, 220, 17, 0, 0, 0, 0) else os._exit(0)", REFUSED),
    "clone3": (
        CALL + "a = (ctypes.c_ulong * 8)(0, 0, 0, 0, 17)\nprint('THROUGH') if call(435, 435, a, 64) else os._exit(0)",
        REFUSED,
    ),
    "double fork and a new session": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)\n"
        "    os._exit(0)\nprint('THROUGH')",
        REFUSED,
    ),
    "a background child": ("import multiprocessing as m; m.Process(target=print).start(); print('THROUGH')", REFUSED),
    "a new session": ("import os; os.setsid(); print('THROUGH')", REFUSED),
    "thread bomb": (
        "import threading, time\nfor _ in range(1000): threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "print('THROUGH')",
        "can't start new thread",
    ),
    "signal the evaluator": ("import os, signal; os.kill($parent, signal.SIGUSR1); print('THROUGH')", ABSENT),
    "signal the server": ("import os, signal; os.kill(os.getppid() or 1, signal.SIGKILL); print('THROUGH')", ABSENT),
    "signal all": ("import os, signal; os.kill(-1, signal.SIGUSR1); print('THROUGH')", ABSENT),
    "signal the group": ("import os, signal; os.killpg(0, signal.SIGUSR1); print('THROUGH')", ABSENT),
    "signal by a process descriptor": (
        "import os, signal; signal.pidfd_send_signal(os.pidfd_open($parent), signal.SIGUSR1); print('THROUGH')",
        ABSENT,
    ),
    "signal by queue": (CALL + "print('THROUGH', call(129, 138, $parent, 10, bytes(128)))", ABSENT),
    "signal by ownership of a pipe": (
        "import fcntl, os, signal\nfcntl.fcntl(1, fcntl.F_SETOWN, os.getppid() or 1)\nprint('THROUGH')",
        REFUSED,
    ),
    "ptrace": (CALL + "print('THROUGH', call(101, 117, 16, os.getppid() or 1, 0, 0))", ABSENT),
    "ptrace the evaluator": (CALL + "print('THROUGH', call(101, 117, 16, $parent, 0, 0))", ABSENT),
    "setuid": ("import os; os.setuid(0); print('THROUGH')", REFUSED),
    "new user namespace": (CALL + "print('THROUGH', call(272, 97, 0x10000000))", REFUSED),
    "join a namespace": (CALL + "print('THROUGH', call(308, 268, 1, 0))", REFUSED),
    "userfaultfd": (CALL + "print('THROUGH', call(323, 282, 1))", REFUSED),
    "perf_event_open": (CALL + "print('THROUGH', call(298, 241, bytes(128), 0, -1, -1, 0))", REFUSED),
    "bpf": (CALL + "print('THROUGH', call(321, 280, 0, bytes(128), 128))", REFUSED),
    "32-bit calls": (
        "import ctypes, mmap, platform\nif platform.machine() == 'x86_64':\n"
        "    page = mmap.mmap(-1, 4096, prot=7)\n"
        "    page.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20 (getpid); int 0x80; ret\n"
        "    where = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
        "    print('THROUGH', ctypes.CFUNCTYPE(ctypes.c_int)(where)())\nelse:\n    print('done')",
        rf"{ENDED}SYS|{DONE}",
    ),
    "x32 calls": (
        CALL
        + "if platform.machine() == 'x86_64':\n    print('THROUGH', call(0x40000000 + 39, 0))\nelse: print('done')",
        rf"{ENDED}SYS|{DONE}",
    ),
    "raise a limit": (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2); print('THROUGH')",
        r"ValueError|" + REFUSED,
    ),
    "lower priority of others": ("import os; os.setpriority(os.PRIO_USER, 0, 19); print('THROUGH')", REFUSED),
    "turn to another core": ("import os; os.sched_setaffinity(0, {0}); print('THROUGH')", REFUSED),
}

RESOURCES = {
    "endless loop": ("while True: pass", TIMEOUT),
    "endless loop that catches all": (
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except Exception: pass\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass",
        TIMEOUT,
    ),
    "endless loop in C": ("9 ** 9 ** 8", TIMEOUT),
    "endless search in C": ("import itertools; 1 in itertools.cycle([0])", TIMEOUT),
    "endless pattern": ("import re; re.match('(a+)+$', 'a' * 64 + 'b')", TIMEOUT),
    "a long sleep": ("import time; time.sleep(1000)", TIMEOUT),
    "a pause": ("import signal; signal.pause()", TIMEOUT),
    "a timer that ignores itself": (
        "import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)\nwhile True: time.sleep(1)",
        TIMEOUT,
    ),
    "endless exception text": (
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        TIMEOUT,
    ),
    "ten gigabytes": ("bytearray(10 << 30); print('THROUGH')", MEMORY),
    "ten gigabytes of numpy": ("import numpy; numpy.ones(10 << 27); print('THROUGH')", MEMORY),
    "a doubling list": ("x = [0]\nwhile True: x += x", MEMORY),
    "a doubling text": ("x = 'a'\nwhile True: x += x", MEMORY),
    "memory past Python": (
        "import mmap\nkept = []\nfor _ in range(100): kept.append(mmap.mmap(-1, 1 << 28))\nprint('THROUGH')",
        r"Cannot allocate memory|MemoryError",
    ),
    "a decompression bomb": (
        "import zlib\npress = zlib.compressobj(9, zlib.DEFLATED, -15)\n"
        "block = press.compress(bytes(1 << 20)) + press.flush(zlib.Z_FULL_FLUSH)\n"
        "zlib.decompress(block * 10_000, -15); print('THROUGH')",
        f"{MEMORY}|{TIMEOUT}",
    ),
    "a gigabyte of output": ("for _ in range(1 << 10): print('x' * (1 << 20))", OUTPUT),
    "one long line": ("print('x' * (300 << 20))", OUTPUT),
    "output past Python": ("import os\nwhile True: os.write(1, bytes(1 << 16))", OUTPUT),
    "errors past Python": ("import os\nwhile True: os.write(3, bytes(1 << 16))", OUTPUT),
    "a huge number": ("print(10 ** 10 ** 6)", "ValueError: Exceeds the limit"),
    "a huge number, allowed": (
        "import sys; sys.set_int_max_str_digits(0); print(7 ** 7 ** 9)",
        TIMEOUT + "|" + MEMORY,
    ),
    "a huge exception": ("raise ValueError('x' * (1 << 26))", r"ValueError: x{1000,} \.\.\. x+$"),
    "deep recursion": ("def f(): return f()\nf()", "RecursionError"),
    "deeper recursion": (
        "import sys; sys.setrecursionlimit(10**9)\nx = ()\nfor _ in range(10**6): x = (x,)\nhash(x); print('THROUGH')",
        rf"{ENDED}SEGV|{MEMORY}|RecursionError",
    ),
    "deep brackets": ("eval('(' * 100000 + ')' * 100000)", "MemoryError|SyntaxError|RecursionError"),
    "many descriptors": (
        "import os\nfor _ in range(1000): os.dup(1)\nprint('THROUGH')",
        "Too many open files",
    ),
    "locked memory": (CALL + "print('THROUGH', call(149, 228, ctypes.create_string_buffer(4096), 4096))", REFUSED),
}

REPORT = {
    "no output to write to": ("import sys; sys.stdout.close(); raise KeyError('gone')", "KeyError: 'gone'"),
    "closed descriptors": ("import os; os.closerange(0, 64)", "None|code"),
    "reading input": ("input()", "EOFError"),
    "reading descriptor 0": ("import os; print(os.read(0, 10)); print('done')", r"b''\s+done"),
    "reading other descriptors": (
        "import os\nfor fd in range(1, 4000):\n    try: print(os.read(fd, 10) and 'THROUGH')\n"
        "    except OSError: pass\nprint('done')",
        DONE,
    ),
    "garbage to every descriptor": (
        "import os\nfor fd in range(2, 4000):\n    try: os.write(fd, bytes(range(256)))\n    except OSError: pass\n"
        "print('done')",
        DONE,
    ),
    "huge frames to every descriptor": (
        "import os\nfor fd in range(2, 4000):\n    try: os.write(fd, b'\\xff' * 4096)\n    except OSError: pass\n"
        "print('done')",
        DONE,
    ),
    "a forged ending": (
        "import os\nos.write(3, b'the walls of the sandbox could not be put up: x'); os._exit(97)",
        "the walls of the sandbox",
    ),
    "a forged status of the server": ("import os; os.write(1, bytes(12)); print('done'); os._exit(0)", DONE),
    "a pickle": (
        "import os, pickle\nclass P:\n    def __reduce__(self): return os.mkdir, ('$folder/$mark',)\n"
        "os.write(1, pickle.dumps(P())); os.write(3, pickle.dumps(P())); print('done')",
        DONE,
    ),
    "broken text": ("import os; os.write(1, b'\\xff\\xfe\\x00 done')\nprint(chr(0xd800))", DONE),
    "sys.exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "os._exit": ("import os; os._exit(3)", "left with code 3"),
    "os.abort": ("import os; os.abort()", ENDED),
    "a segmentation fault": ("import ctypes; ctypes.string_at(0)", ENDED + "SEGV"),
    "exit functions": ("import atexit\natexit.register(lambda: print('THROUGH'))\nprint('done')", DONE),
    "replaced os._exit": ("import os; os._exit = lambda code: None; print('done')", DONE),
    "replaced traceback": (
        "import traceback; traceback.format_exception_only = lambda e: ['x' * (1 << 26)]; raise KeyError",
        "xxx",
    ),
    "replaced builtins": (
        "import builtins, sys\nfor name in dir(builtins):\n    if name not in ('KeyError', 'SystemExit'):\n"
        "        try: delattr(builtins, name)\n        except Exception: break\nraise KeyError('x')",
        "Error|code",
    ),
    "a sabotaged library for the next": (
        "import sympy, math, builtins\nsympy.solve = math.sqrt = builtins.print = None",
        "None",
    ),
    "frames of the child": (
        "import sys\nframe = sys._getframe(1)\nwhile frame:\n    for name, value in list(frame.f_locals.items()):\n"
        "        if hasattr(value, 'sendall'): value.sendall(bytes(12)); print('THROUGH')\n    frame = frame.f_back\n"
        "print('done')",
        rf"done|{REFUSED}",
    ),
    "an exception that storms out": (
        "import signal\ndef act(*a): raise BaseException('storm')\nsignal.signal(signal.SIGALRM, act)\n"
        "signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)\nwhile True: pass",
        "storm|TimeoutError|ended by|BaseException",
    ),
    "an exception without a text": (
        "class E(Exception):\n    def __str__(self): raise E\nraise E",
        r"E",
    ),
}

GROUPS = {
    "read": READ, "write": WRITE, "network": NETWORK, "processes": PROCESSES, "resources": RESOURCES, "report": REPORT,
}  # fmt: skip
ATTACKS = {
    f"{about}: {name}": Attack(code, ends, about)
    for about, group in GROUPS.items()
    for name, (code, ends) in group.items()
}

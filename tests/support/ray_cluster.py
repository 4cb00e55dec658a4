"""A Ray cluster of several nodes on this machine, in a network of its own.

Ray listens on all interfaces, so the nodes and whatever talks to them run in a network namespace
that has nothing but a loopback interface. As root it is entered as it is; another user makes a
namespace of users too.
"""

import array
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from mnist_batch.machine import environment
from tests.support.command import COMMAND
from tests.support.s3_server import environment_of, s3_server

_IS_ROOT = os.geteuid() == 0
_UNSHARE = ["unshare", "--net", *([] if _IS_ROOT else ["--map-root-user"])]
_STORE = 80 * 2**20
_LOOKS_OFTEN = {"health_check_period_ms": 500}  # of which five have to fail
_ROOT = Path(__file__).parent.parent.parent


def why_not() -> str:
    """Return why no cluster can run here; empty where one can."""
    if not all(map(shutil.which, ("unshare", "nsenter"))):
        return "there is no unshare or nsenter (util-linux) for a network of its own"
    if subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode:
        return "this user may make no network of its own"
    return ""


class RayCluster(AbstractContextManager["RayCluster", None]):
    """A cluster; a context that ends it.

    Attributes:
        address: of the cluster.
        endpoint: of a server of S3 in the same network; all nodes have its keys.
        nodes: the ids of its nodes, the first one last to be removed: drivers connect to it.
    """

    def __init__(self, nodes: int, *, looks_often: bool = False) -> None:
        """Start nodes of one CPU each.

        Args:
            nodes: how many.
            looks_often: whether the cluster takes a node for lost after 2.5 s, not 15 s.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="ray-")  # paths of sockets are short
        # Drivers work where whoever looks for modules finds a wrong one.
        self._working = Path(self._folder.name, "working")
        self._working.mkdir()
        (self._working / "mnist_batch.py").write_text("raise RuntimeError('of the working folder')")
        # As the command does: variables of libraries decide last bits.
        environ = environment.settled(os.environ) | {"RAY_USAGE_STATS_ENABLED": "0"}
        # Nor does it count whether this user has a token of Ray, or has run Ray before: the first
        # node writes its address into the folder `ray` of this one, and does not make that.
        environ |= {"RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": self._folder.name}
        Path(self._folder.name, "ray").mkdir()
        self.environ = {name: value for name, value in environ.items() if name != "RAY_ADDRESS"}
        self._said = Path(self._folder.name, "said")
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [*_UNSHARE, sys.executable, "-m", __name__, self._folder.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=self.environ,
            )
        first = self._ask("add", "", json.dumps(_LOOKS_OFTEN if looks_often else {}))
        self.address, self.endpoint = str(first["address"]), str(first["endpoint"])
        self.environ |= environment_of(self.endpoint)
        self.nodes = [self._last, *(self.add() for _ in range(nodes - 1))]

    def __exit__(self, *_: object) -> None:
        """Stop all nodes."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def add(self, path: Path | None = None) -> str:
        """Start a node, and return its id.

        Args:
            path: a folder in which its workers find modules first.
        """
        self._ask("add", str(path or ""))
        return self._last

    def remove(self, node: str) -> None:
        """Kill all processes of a node."""
        self._ask("remove", node)
        self.nodes.remove(node)

    def kill_first_daemon(self) -> None:
        """Kill the daemon of the first node, to which drivers are connected; the head stays."""
        self._ask("kill", "raylet")

    def inside(self, arguments: Sequence[str]) -> list[str]:
        """Return a command line that runs another one within the network of the cluster."""
        users = [] if _IS_ROOT else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self._process.pid}", "--net", *users, *arguments]

    def start(
        self, *arguments: object, deed: str = "", cancels: bool = True
    ) -> "subprocess.Popen[str]":
        """Start the command within the network, on small parts.

        Args:
            arguments: of the command, `--engine ray` not among them.
            deed: what the decoders of workers do over a marked image, see `crashing`.
            cancels: whether it reaches the tasks that it gives up.
        """
        faults = json.dumps({"deed": deed, "cancels": cancels})
        module = ["-m", "tests.support.ray_driver"]
        return self._python(*module, faults, *arguments, "--engine", "ray")

    def _python(self, *words: object) -> "subprocess.Popen[str]":
        """Start a Python within the network, for which `RAY_ADDRESS` names the cluster."""
        return subprocess.Popen(
            self.inside([sys.executable, "-P", *map(str, words)]),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ | {"RAY_ADDRESS": self.address, "PYTHONPATH": str(_ROOT)},
            cwd=self._working,
        )

    def run(self, *arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        """Do what `start` does, and wait for the end."""
        return _ended(self.start(*arguments, **how))

    def run_program(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a program of Python within the network."""
        return _ended(self._python("-c", program, *arguments))

    def _ask(self, *words: str) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the nodes have ended: {self._said.read_text(errors='replace')[-4000:]}"
        answer: dict[str, Any] = json.loads(line)
        self._last = str(answer["node"])
        return answer


def _ended(process: "subprocess.Popen[str]") -> subprocess.CompletedProcess[str]:
    out, said = process.communicate()
    return subprocess.CompletedProcess(COMMAND, process.returncode, out, said)


def main() -> None:
    """Start and kill nodes as the lines on standard input say, and answer each with a line."""
    _bring_up_loopback()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    with s3_server() as endpoint:
        os.environ.update(environment_of(endpoint))
        for line in sys.stdin:
            answer = {**_done(cluster, *json.loads(line)), "endpoint": endpoint}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
        cluster.shutdown()


def _done(cluster: Any, what: str, which: str, settings: str = "") -> dict[str, str]:  # noqa: ANN401 - of Ray
    """Start or kill a node or a daemon."""
    node = which
    if what == "add":
        node = cluster.add_node(
            env_vars={"PYTHONPATH": which} if which else None,
            **({"_system_config": json.loads(settings)} if settings else {}),
            num_cpus=1,
            object_store_memory=_STORE,
            include_dashboard=False,
            node_ip_address="127.0.0.1",
            temp_dir=sys.argv[1],
        ).node_id
    elif what == "kill":
        (daemon,) = cluster.head_node.all_processes[which]
        daemon.process.kill()
    else:
        (lost,) = [one for one in cluster.worker_nodes if one.node_id == node]
        cluster.remove_node(lost, allow_graceful=False)
    return {"node": node, "address": cluster.address}


def _bring_up_loopback() -> None:
    """Set the flags IFF_UP and IFF_RUNNING of the interface `lo` (netdevice(7))."""
    request = array.array("B", struct.pack("16sH14x", b"lo", 0x1 | 0x40))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


if __name__ == "__main__":
    main()

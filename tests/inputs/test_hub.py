"""Data sets of the hub are downloaded once and read from the cache; each failure is one line.

huggingface_hub reads its environment when it is imported, so every fact is seen from a process of
its own.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

import mnist_batch
from mnist_batch.errors import InputError
from mnist_batch.inputs.hub import OddReplyError, _check_object, local_copy
from mnist_batch.synthetic.generator import write_parquet
from tests.support.closed_port import closed_port
from tests.support.hub_server import HubServer, Reply

ANY_COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a folder laid out as ylecun/mnist is, with a picture that is none of the digits."""
    folder = tmp_path / "dataset"
    (folder / "mnist").mkdir(parents=True)
    for split in ("train", "test"):
        write_parquet(folder / "mnist" / f"{split}-00000-of-00001.parquet", 10)
    (folder / "README.md").write_text("# MNIST\n")
    (folder / "preview.png").write_bytes(b"no picture")
    return folder


def copied(uri: str, tmp_path: Path, endpoint: str, **environment: str) -> str:
    """Return what a process of its own prints of `local_copy(uri)`: files, or the error's line."""
    script = f"""
from mnist_batch.errors import InputError
from mnist_batch.inputs.hub import local_copy
try:
    path = local_copy({uri!r})
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*.*"))
    print(*(file.relative_to(path.parent).as_posix() for file in files), sep="\\n")
except InputError as error:
    print(error)
"""
    return printed(script, tmp_path, endpoint, **environment)


def printed(script: str, tmp_path: Path, endpoint: str, **environment: str) -> str:
    """Return what a script prints, for which `endpoint` is the hub and the cache is empty."""
    # Loopback must not go through a proxy, nor may this machine's own cache or token take part.
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HF_")}
    home = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=kept | home | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_all_parquet_files_are_downloaded_and_nothing_else(tmp_path: Path, dataset: Path) -> None:
    """A README and pictures stay on the hub; nothing is written to stderr."""
    with HubServer({"ylecun/mnist": dataset}) as hub:
        names = copied("hf://datasets/ylecun/mnist", tmp_path, hub.url).splitlines()
    assert [name.split("/", 1)[1] for name in names] == [
        "mnist/test-00000-of-00001.parquet",
        "mnist/train-00000-of-00001.parquet",
    ]
    assert not [request for request in hub.requests if "README" in request]


def test_the_bytes_are_those_of_the_hub(tmp_path: Path, dataset: Path) -> None:
    """What lies in the cache equals what the server read."""
    name = "mnist/train-00000-of-00001.parquet"
    with HubServer({"ylecun/mnist": dataset}) as hub:
        copied("hf://datasets/ylecun/mnist", tmp_path, hub.url)
    (cached,) = tmp_path.glob(f"home/hub/*/snapshots/*/{name}")
    assert cached.read_bytes() == (dataset / name).read_bytes()


@pytest.mark.parametrize("offline", ["0", "1"])
def test_the_second_time_the_cache_does_without_the_hub(
    tmp_path: Path, dataset: Path, offline: str
) -> None:
    """Be it that the hub is down or that HF_HUB_OFFLINE forbids the network."""
    with HubServer({"ylecun/mnist": dataset}) as hub:
        first = copied("hf://datasets/ylecun/mnist", tmp_path, hub.url)
    again = copied("hf://datasets/ylecun/mnist", tmp_path, hub.url, HF_HUB_OFFLINE=offline)
    assert again == first


def test_a_file_in_the_data_set_is_downloaded_alone(tmp_path: Path, dataset: Path) -> None:
    """PATH may name one Parquet file; the way back is the file itself."""
    uri = "hf://datasets/ylecun/mnist/mnist/test-00000-of-00001.parquet"
    with HubServer({"ylecun/mnist": dataset}) as hub:
        assert copied(uri, tmp_path, hub.url) == "test-00000-of-00001.parquet"
    assert not [request for request in hub.requests if "train" in request]


def test_a_folder_in_the_data_set_may_be_named(tmp_path: Path, dataset: Path) -> None:
    """PATH may name a folder, the revision may be written out."""
    write_parquet(dataset / "other.parquet", 10)
    with HubServer({"ylecun/mnist": dataset}) as hub:
        names = copied("hf://datasets/ylecun/mnist@main/mnist/", tmp_path, hub.url).splitlines()
    assert names == [
        "mnist/test-00000-of-00001.parquet",
        "mnist/train-00000-of-00001.parquet",
    ]


def test_a_packed_folder_in_the_data_set_is_read_as_one(tmp_path: Path, dataset: Path) -> None:
    """Its manifest comes with its parts, or it would not be whole."""
    mnist_batch.pack(dataset / "mnist", f"{dataset}/packed/")
    script = """
from mnist_batch.inputs.sources import open_inputs
opened = open_inputs(["hf://datasets/a/b/packed"])
print(opened.rows, opened.place(0)[0])
"""
    with HubServer({"a/b": dataset}) as hub:
        assert printed(script, tmp_path, hub.url) == "20 test-00000-of-00001.parquet"


def test_splits_of_a_data_set_are_found_by_its_names(tmp_path: Path, dataset: Path) -> None:
    """As in ylecun/mnist itself: `mnist/train-00000-of-00001.parquet`, and test alike."""
    script = """
from mnist_batch.training.splits import find_splits
splits = find_splits("hf://datasets/ylecun/mnist")
print(*(name.rpartition("/mnist/")[2] for name in [*splits.train, *splits.test]))
"""
    with HubServer({"ylecun/mnist": dataset}) as hub:
        names = printed(script, tmp_path, hub.url)
    assert names == "train-00000-of-00001.parquet test-00000-of-00001.parquet"


@pytest.mark.parametrize("revision", ["", f"@{ANY_COMMIT}"])
def test_offline_without_a_cache_is_one_line_that_names_the_way_out(
    tmp_path: Path, revision: str
) -> None:
    """HF_HUB_OFFLINE is told apart from a network that is down."""
    uri = f"hf://datasets/ylecun/mnist{revision}"
    message = copied(uri, tmp_path, "https://huggingface.co", HF_HUB_OFFLINE="1")
    assert message == (
        f"{uri}: not in the cache, and HF_HUB_OFFLINE forbids the network; unset it, or pass local "
        "files (INPUT, or data for training): a folder or FILE.parquet"
    )


@pytest.mark.parametrize("revision", ["", f"@{ANY_COMMIT}"])
def test_a_hub_that_is_down_is_one_line_that_names_the_way_out(
    tmp_path: Path, revision: str
) -> None:
    """The line says which hub was asked and what the system said."""
    with closed_port() as hub:
        message = copied(f"hf://datasets/ylecun/mnist{revision}", tmp_path, f"http://{hub}")
    assert message.count("\n") == 0
    assert f"not in the cache, and http://{hub} cannot be reached" in message
    assert "refused" in message
    assert "or data for training" in message


def test_a_hub_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    """A connection that hangs ends after huggingface_hub's own limit for questions."""
    with create_server(("127.0.0.1", 0)) as listening:
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        message = copied("hf://datasets/ylecun/mnist", tmp_path, endpoint, HF_HUB_ETAG_TIMEOUT="1")
    assert "cannot be reached (timed out)" in message


def test_a_download_that_was_cut_short_is_no_data_set(tmp_path: Path, dataset: Path) -> None:
    """With one file in the cache, the whole data set cannot be had offline."""
    with HubServer({"ylecun/mnist": dataset}) as hub:
        copied("hf://datasets/ylecun/mnist/mnist/test-00000-of-00001.parquet", tmp_path, hub.url)
    message = copied("hf://datasets/ylecun/mnist", tmp_path, hub.url)
    assert "not in the cache" in message


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("hf://datasets/ylecun/minst", "no such data set on http://127.0.0.1"),
        ("hf://datasets/ylecun/mnist@v9", "the data set has no revision 'v9'"),
        ("hf://datasets/ylecun/mnist/mnist/val.parquet", "no Parquet files there"),
        ("hf://datasets/ylecun/mnist/pictures", "no Parquet files there"),
        ("hf://datasets/ylecun--/mnist", "Repo id must use alphanumeric chars"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(
    tmp_path: Path, dataset: Path, uri: str, problem: str
) -> None:
    """The line begins with the URI as it was typed."""
    with HubServer({"ylecun/mnist": dataset}) as hub:
        message = copied(uri, tmp_path, hub.url)
    assert message.count("\n") == 0
    assert message.startswith(f"{uri}: ")
    assert problem in message


@pytest.mark.parametrize(
    "uri",
    [
        "hf://ylecun/mnist",
        "hf://models/ylecun/mnist",
        "hf://datasets/mnist",
        "hf://datasets/ylecun/mnist@",
        "hf://datasets/ylecun/mnist@main@main",
        "hf://datasets/ylecun/mnist/../secret",
        "hf://datasets/",
    ],
)
def test_a_malformed_uri_is_refused_without_asking_the_hub(uri: str) -> None:
    """The line shows the form that was expected."""
    with pytest.raises(InputError, match=r"expected hf://datasets/OWNER/NAME\[@REVISION\]") as it:
        local_copy(uri)
    assert str(it.value).startswith(f"{uri}: ")


class OddHub(HubServer):
    """A hub that puts another name into the field of its replies that `field` says."""

    def __init__(self, dataset: Path, field: str, name: str) -> None:
        super().__init__({"ylecun/mnist": dataset})
        self._field = field
        self._name = name

    def answer(self, path: str) -> Reply:
        """Answer as the hub does, but for the field."""
        reply = super().answer(path)
        if self._field in ("ETag", "X-Linked-ETag", "X-Repo-Commit"):
            is_file = "/resolve/" in path
            odd = {self._field: self._name} if is_file else {}
            return replace(reply, headers={**reply.headers, **odd})
        return replace(reply, body=self._odd_json(path, reply.body))

    def _odd_json(self, path: str, body: bytes) -> bytes:
        if self._field == "sha" and "/revision/" in path:
            return json.dumps({**json.loads(body), "sha": self._name}).encode()
        if self._field != "sha" and "/tree/" in path:
            entries: list[dict[str, Any]] = json.loads(body)
            file = {"oid": self._name, "size": 1, "pointerSize": 1}
            odd = {"lfs": file, "xetHash": "a" * 64} if self._field == "lfs" else file
            return json.dumps([{**entry, **odd} for entry in entries]).encode()
        return body


@pytest.mark.parametrize("field", ["sha", "oid", "lfs", "ETag", "X-Linked-ETag", "X-Repo-Commit"])
def test_what_a_hub_says_never_leads_out_of_the_cache(
    tmp_path: Path, dataset: Path, field: str
) -> None:
    """Whichever name it sends climbs to a file of the user's: one line, and nothing is written."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "x.json").write_text("mine")
    name = "../" * 20 + f"{victim}/x".lstrip("/")
    uri = "hf://datasets/ylecun/mnist"
    with OddHub(dataset, field, name) as hub:
        message = copied(uri, tmp_path, hub.url)
    assert message.count("\n") == 0
    assert message.startswith(f"{uri}: the hub's reply names ")
    assert len(message) < 300  # with as much of the name as fits a line
    assert [path.name for path in victim.iterdir()] == ["x.json"]
    assert (victim / "x.json").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} <= {"dataset", "home", "victim"}


class NestedHub(HubServer):
    """A hub of data sets NAME-DEPTH, which nests its odd replies so deep."""

    def __init__(self, dataset: Path, commit: str) -> None:
        super().__init__({"ylecun/mnist": dataset})
        self._commit = commit

    def answer(self, path: str) -> Reply:
        """Answer as the hub does, but for the commit and what comes with it."""
        depth = int(re.search(r"mnist-(\d+)", path)[1])  # type: ignore[index] # it is asked no other
        reply = super().answer(path.replace(f"mnist-{depth}", "mnist"))
        if "/revision/" not in path:
            return reply
        odd = json.dumps({**json.loads(reply.body), "sha": self._commit, "extra": 7})
        nested = odd.replace("7}", f"{'[' * depth}{']' * depth}}}")
        return replace(reply, body=nested.encode())


def test_no_depth_of_a_reply_hides_what_it_says(tmp_path: Path, dataset: Path) -> None:
    """Around the depth that Python reads just so, it depends on who reads."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "x.json").write_text("mine")
    script = """
import json
from mnist_batch.errors import InputError
from mnist_batch.inputs.hub import local_copy
deepest = 0
try:
    while deepest < 200_000:
        json.loads("[" * (deepest + 10) + "]" * (deepest + 10))
        deepest += 10
except RecursionError:
    pass
for depth in (*range(max(deepest - 120, 1), deepest + 20, 4), 10 * deepest):
    try:
        print(local_copy(f"hf://datasets/ylecun/mnist-{depth}"))
    except InputError as error:
        print(error)
"""
    with NestedHub(dataset, "../" * 20 + f"{victim}/x".lstrip("/")) as hub:
        messages = printed(script, tmp_path, hub.url).splitlines()
    assert len(messages) > 30
    for message in messages:
        assert re.search(": the hub's reply (names the commit .* no hash|is nested too)", message)
    assert [path.name for path in victim.iterdir()] == ["x.json"]
    assert (victim / "x.json").read_text() == "mine"


@pytest.mark.parametrize("commit", ["..", "main", "", "0" * 39, "0" * 64, "0" * 39 + "G", None, 7])
def test_a_commit_is_a_hash(commit: object) -> None:
    """It names a folder of the cache: 40 hexadecimal digits, as git has it."""
    with pytest.raises(OddReplyError, match="which is no hash"):
        _check_object({"id": "ylecun/mnist", "sha": commit})
    _check_object({"id": "ylecun/mnist", "sha": ANY_COMMIT})
    _check_object({"sha": commit})  # of a card, which may hold anything

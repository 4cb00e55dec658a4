"""A shell completes lines, and no variable makes a command do anything else."""

import os
import shlex
import subprocess

from tests.support.command import COMMAND, run


def test_a_shell_completes_a_command_and_its_options() -> None:
    """As the script asks that `--install-completion` installs for bash."""
    for words, count, expected in (
        ("mnist-batch ni", 1, "nightly"),
        ("mnist-batch predict --ori", 2, "--orientation"),
        ("mnist-batch predict --several sp", 3, "split"),
    ):
        asked = {"_MNIST_BATCH_COMPLETE": "complete_bash", "COMP_WORDS": words}
        done = run(env=os.environ | asked | {"COMP_CWORD": str(count)})
        assert done.stdout.split() == [expected]


def test_the_script_for_a_shell_is_printed_when_asked_for() -> None:
    """That of the shell which calls, and it asks the command by the variable that is answered."""
    line = f"{shlex.join(COMMAND)} --show-completion; true"  # more than one command: no `exec`
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert "_COMPLETE=complete_bash" in done.stdout


def test_h_is_help() -> None:
    """Before a command and after it."""
    for words in ((), ("predict",)):
        assert run(*words, "-h").stdout == run(*words, "--help").stdout != ""

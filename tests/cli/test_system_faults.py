"""Faults of the disk that a library in Rust says in words."""

import errno
import subprocess
import sys

import pytest

from emoloom.errors import UserError, system_fault

LIMITED = """
import errno, resource, sys
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file
from emoloom.errors import system_fault
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    save_file({"x": np.zeros(100_000)}, sys.argv[1])
except SafetensorError as error:
    fault = system_fault(error)
    assert not isinstance(error, OSError)
    assert fault is not None and fault.errno == errno.EFBIG, error
    print(fault)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_tensors_that_do_not_fit_are_a_fault_of_the_disk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "x.safetensors"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout


def test_what_is_no_fault_of_the_system():
    own = OSError(errno.EACCES, "no")
    assert system_fault(own) is own
    assert system_fault(UserError("a text with (os error x)")) is None
    assert system_fault(ValueError("")) is None

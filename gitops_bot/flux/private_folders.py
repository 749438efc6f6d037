"""Folders for what nobody else may see: removed by whoever made them, and cleared when their maker was killed.

The maker holds a lock (flock) on its folder. The kernel lets go of it when the process ends, however it
ends; a folder whose lock can be had belongs to nobody any more. Process ids would not do: in a container
the next process often has the same one.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "gitops-bot-runner-"


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder below the one for temporary files, and remove it and all that is in it afterwards."""
    # Locked before it has the name by which leftovers are found.
    folder = Path(tempfile.mkdtemp(prefix="gitops-bot-new-"))
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        named = folder.with_name(folder.name.replace("gitops-bot-new-", _PREFIX))
        folder = folder.rename(named)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def clear_leftovers() -> int:
    """Remove the folders whose makers were killed; gives how many. Folders of other users are left alone."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid != os.getuid():
                continue
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
            finally:
                os.close(held)
    return removed

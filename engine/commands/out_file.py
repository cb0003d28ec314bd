"""Files that commands write when they are done."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ConfigError


def check_out_file(option: str, path: str | None) -> None:
    """Refuse, before anything is computed, a file that could not be written after it.

    Args:
        option: that names the file.
        path: of the file; None if the option is not given.

    Raises:
        ConfigError: if it is a folder, or in a folder that does not exist.
    """
    if path is None:
        return
    if Path(path).is_dir():
        raise ConfigError(f"a file for {option}", f"{path}, which is a folder", "Name a file.")
    if not Path(path).parent.is_dir():
        raise ConfigError(f"a file in a folder that exists for {option}", path, "Make the folder, or name another.")

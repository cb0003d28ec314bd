"""Known holes in what a fresh installation pulls in: `audit.py ENVIRONMENT WORK_FOLDER`, at most a minute.

A fresh installation takes the newest releases. So a hole that has a fixed release means that something of ours holds
the fix back: that fails. A hole without one is printed, and nothing we can mend. Without its data nothing is checked,
and that is printed too.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import venv
from pathlib import Path

DATA = os.environ.get("AUDIT_DATA", "api.osv.dev:443")
REACH_SECONDS, INSTALL_SECONDS, AUDIT_SECONDS = 5, 20, 35


def main(environment: Path, work: Path) -> int:
    """0 if nothing mendable is known, or nothing could be asked; 1 otherwise."""
    host, _, port = DATA.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
        report = audited(environment, installed_tool(work))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"SKIPPED: dependencies are not audited, {DATA} or pip-audit cannot be used ({error!r}).")
        return 0
    mendable = 0
    for package in report["dependencies"]:
        for hole in package.get("vulns", []):
            mendable += bool(hole["fix_versions"])
            fix = f"fixed in {', '.join(hole['fix_versions'])}" if hole["fix_versions"] else "no fix yet"
            print(f"{package['name']} {package['version']}: {hole['id']}, {fix}")
    print(f"{len(report['dependencies'])} packages audited; {mendable} holes that a newer release closes.")
    return 1 if mendable else 0


def installed_tool(work: Path) -> Path:
    """pip-audit in an environment of its own; the one that is there already, if there is."""
    tool = work / "bin" / "pip-audit"
    if not tool.exists():
        venv.create(work, with_pip=True)
        install = [str(work / "bin" / "pip"), "install", "-q", "pip-audit"]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS, stderr=subprocess.DEVNULL)
    return tool


def audited(environment: Path, tool: Path) -> dict:
    """What pip-audit says of the packages of an environment; it ends with 1 where it found something."""
    packages = next((environment / "lib").glob("python*/site-packages"))
    command = [str(tool), "--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off", "--path"]
    found = subprocess.run(
        [*command, str(packages)], capture_output=True, text=True, check=False, timeout=AUDIT_SECONDS
    )
    return json.loads(found.stdout)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

"""Builds the image: for linux/amd64 and pushed, or for this machine with --local.

    python -m scripts.docker_build [--local] [--no-cache]
"""

import argparse
import platform
import subprocess
import sys

from config.constants import DOCKER_REPO, DOCKER_TAG

ARCHITECTURES = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "arm64": "linux/arm64", "aarch64": "linux/arm64"}


def main() -> int:
    parser = argparse.ArgumentParser(description="Build this module's image.")
    parser.add_argument("--local", action="store_true", help="build for this machine and do not push")
    parser.add_argument("--no-cache", action="store_true", help="build every layer again")
    args = parser.parse_args()
    if not DOCKER_REPO:
        print("❌ Error: DOCKER_REPO is not set in config/constants.py.")
        return 1
    target = "linux/amd64"
    if args.local:
        target = ARCHITECTURES.get(platform.machine().lower(), "")
        if not target:
            print(f"❌ Error: unknown machine {platform.machine()}.")
            return 1
    command = ["docker", "buildx", "build", "--platform", target, "--tag", f"{DOCKER_REPO}:{DOCKER_TAG}"]
    command += ["--load"] if args.local else ["--push"]
    command += ["--no-cache"] if args.no_cache else []
    return subprocess.run([*command, "."], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

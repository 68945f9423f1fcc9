"""Runs the module: on this machine, on the demo network, or on the test network.

    python -m scripts.run_module [INPUT] [--local | --demonet]
"""

import argparse
import os
import pathlib
import subprocess
import sys

from config.constants import DOCKER_REPO, DOCKER_TAG, GITHUB_REPO, GITHUB_TAG

# TODO: remove this block once run_job in src/run_inference.py does something.
print("❌ Error: No job configured. Implement the module's job before running the module.")
print("\t👉 /src/run_inference.py")
print("\t👉 /scripts/run_module.py")
sys.exit(1)


def local(text: str) -> list[str]:
    outputs = pathlib.Path("outputs").absolute()
    outputs.mkdir(exist_ok=True)
    image = f"{DOCKER_REPO}:{DOCKER_TAG}"
    return ["docker", "run", "--rm", "--network", "none", "-v", f"{outputs}:/outputs", image,
            "python", "/app/src/run_inference.py", text]


def network(text: str, demonet: bool) -> list[str]:
    # The program reads its key from the environment, where no list of processes shows it.
    if demonet:
        os.environ["WEB3_PRIVATE_KEY"] = os.environ.get("DEMONET_PRIVATE_KEY", "")
    where = ["--network", "demonet"] if demonet else []
    return ["lilypad", "run", *where, f"{GITHUB_REPO}:{GITHUB_TAG}", "-i", f"input={text}"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Run this module.")
    parser.add_argument("input", nargs="?", help="what the model gets")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help="on this machine, in Docker")
    where.add_argument("--demonet", action="store_true", help="on the demo network")
    args = parser.parse_args()
    text = args.input if args.input is not None else input("Enter your input: ").strip()
    if args.local and not DOCKER_REPO:
        print("❌ Error: DOCKER_REPO is not set in config/constants.py.")
        return 1
    if not args.local and not GITHUB_REPO:
        print("❌ Error: GITHUB_REPO is not set in config/constants.py.")
        return 1
    command = local(text) if args.local else network(text, args.demonet)
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        print("✅ Lilypad module executed successfully.")
        if args.local:
            print(f"👉 {pathlib.Path('outputs/result.json').absolute()}")
    return code


if __name__ == "__main__":
    sys.exit(main())

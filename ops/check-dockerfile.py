#!/usr/bin/env python3
"""Carries out the build stage of the Dockerfile step by step in an empty folder, without a container engine.

It shows that the commands work in their order on exactly the files that COPY brings, which is where such a file breaks
when the tree changes, and that the built program answers. It does not show that the base images exist, that apt finds its
packages in them, or anything of the last stage but that its COPY names what the first one made.

    ops/check-dockerfile.py            the commands as they are (a cold optimised build: minutes)
    ops/check-dockerfile.py --quick    with `cargo check` in the place of the build, and the target folder of this tree
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
QUICK = "--quick" in sys.argv


def instructions(text):
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.M))
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        yield name.upper(), rest.strip()


def ignored():
    """What .dockerignore keeps out of the build, at the top of the tree."""
    lines = (TREE / ".dockerignore").read_text().split()
    return {line.strip("/") for line in lines if not line.startswith(("#", "!"))}


def copy(root, folder, rest, left_out):
    *sources, target = rest.split()
    for source in sources:
        assert source.split("/")[0] not in left_out, f"COPY {source}: .dockerignore keeps it out"
        origin, place = TREE / source, inside(root, folder, target)
        assert origin.exists(), f"COPY {source}: not in the tree"
        if origin.is_dir():
            shutil.copytree(origin, place, dirs_exist_ok=True)
        else:
            shutil.copy2(origin, place / origin.name if target.endswith("/") else place)


def inside(root, folder, path):
    place = root / path.lstrip("/") if path.startswith("/") else folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.endswith("/"):
        place.mkdir(parents=True, exist_ok=True)
    return place


def run(command, folder):
    command = re.sub(r"apt-get update && apt-get install .*?(&&.*rm -rf /var/lib/apt/lists/\*|$)", "true", command)
    environment = dict(os.environ)
    if QUICK:
        command = re.sub(r"cargo build (.*?)--profile dist", r"cargo check \1", command)
        environment["CARGO_TARGET_DIR"] = str(TREE / "target")
    print(f"RUN {command}", flush=True)
    subprocess.run(["sh", "-euc", command], cwd=folder, env=environment, check=True)


def main():
    left_out, stage, made = ignored(), 0, []
    with tempfile.TemporaryDirectory(prefix="skillsync-image-") as temporary:
        root = folder = Path(temporary)
        for name, rest in instructions((TREE / "Dockerfile").read_text()):
            if name == "FROM":
                stage += 1
            elif stage == 1 and name == "WORKDIR":
                folder = inside(root, folder, rest)
                folder.mkdir(parents=True, exist_ok=True)
            elif stage == 1 and name == "COPY":
                print(f"COPY {rest}", flush=True)
                copy(root, folder, rest, left_out)
            elif stage == 1 and name == "RUN":
                run(rest, folder)
            elif stage == 2 and name == "COPY":
                made.append(next(word for word in rest.split() if word.startswith("/")))
        for path in made:
            place = root / path.lstrip("/")
            if QUICK and "/target/" in path:
                print(f"{path}: not looked for, nothing was built")
                continue
            assert place.exists(), f"the last stage copies {path}, which the first did not make"
            if place.is_file():
                subprocess.run([place, "--version"], check=True)
                subprocess.run([place, "openapi"], check=True, stdout=subprocess.DEVNULL)
    print("the build stage works" + (" as far as it was carried out" if QUICK else ""))


main()

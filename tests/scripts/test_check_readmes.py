# SPDX-License-Identifier: Apache-2.0
"""scripts/check-readmes over a made-up tree: what it lets through, and each fault that it names."""

import pathlib
import shutil
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "scripts/check-readmes"


class Tree:
    """A checkout in order, for a test to spoil."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.write("parsers/core/message.h", "")
        self.write("parsers/core/README.md", "| `message` | a message |\n")
        self.write("bpf/base/ring.bpf.h", "")
        self.write("bpf/README.md", "| `base/ring.bpf.h` | the ring |\n")
        self.write("scripts/README.md", "`check-readmes`\n")
        shutil.copy(CHECK, root / "scripts")

    def write(self, name: str, text: str):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self):
        done = subprocess.run(
            [self.root / "scripts/check-readmes"], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_lets_a_tree_in_order_through(tree):
    assert tree.check() == (0, "READMEs: 3 folders, every file named\n")


def test_refuses_a_file_that_no_row_names(tree):
    tree.write("parsers/core/field.cc", "")
    status, text = tree.check()
    assert status == 1
    assert "parsers/core/README.md: does not name field" in text


def test_takes_a_pattern_for_several_files(tree):
    tree.write("parsers/core/zlib_stage.cc", "")
    tree.write("parsers/core/README.md", "`message`, `*_stage`\n")
    assert tree.check()[0] == 0


def test_refuses_a_name_of_a_file_that_is_gone(tree):
    tree.write("parsers/core/README.md", "`message`, `gone.h`\n")
    status, text = tree.check()
    assert status == 1
    assert "parsers/core/README.md: names gone.h, which is not there" in text


def test_refuses_a_room_without_a_readme(tree):
    tree.write("agent/elf/elf_file.h", "")
    status, text = tree.check()
    assert status == 1
    assert "agent/elf/README.md: missing" in text

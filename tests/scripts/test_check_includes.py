# SPDX-License-Identifier: Apache-2.0
"""scripts/check-includes over made-up trees: what it lets through, and each fault that it names."""

import pathlib
import shutil
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "scripts/check-includes"


class Tree:
    """A checkout of two rooms that is in order, for a test to spoil."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        (root / "scripts").mkdir()
        shutil.copy(CHECK, root / "scripts")
        self.room("parsers/core", "", "core.h", "#include <string>\n")
        self.room("parsers/http1", "DEPS parsers_core", "http1.cc", '#include "parsers/core/core.h"\n')

    def room(self, folder: str, row: str, name: str, text: str):
        path = self.root / folder
        path.mkdir(parents=True, exist_ok=True)
        target = folder.replace("/", "_")
        (path / "CMakeLists.txt").write_text(f"tlscope_library({target}\n  SOURCES x.cc\n  {row})\n")
        (path / name).write_text(text)

    def check(self):
        done = subprocess.run(
            [self.root / "scripts/check-includes"], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_lets_a_tree_in_order_through(tree):
    assert tree.check() == (0, "includes: 2 rooms, every include in its row\n")


def test_refuses_an_include_that_the_row_does_not_have(tree):
    tree.room("parsers/raw", "", "raw.cc", '\n#include "parsers/core/core.h"\n')
    status, text = tree.check()
    assert status == 1
    assert "parsers/raw/raw.cc:2: parsers/raw may not include parsers/core/core.h" in text


def test_refuses_an_entry_that_no_include_uses(tree):
    tree.room("parsers/raw", "DEPS parsers_core", "raw.cc", "#include <string>\n")
    status, text = tree.check()
    assert status == 1
    assert "nothing in parsers/raw includes parsers_core" in text


def test_refuses_a_folder_without_a_row(tree):
    (tree.root / "agent").mkdir()
    (tree.root / "agent/main.cc").write_text("int main() {}\n")
    status, text = tree.check()
    assert status == 1
    assert "agent: no row" in text


def test_refuses_a_circle(tree):
    tree.room("parsers/core", "DEPS parsers_http1", "core.h", '#include "parsers/http1/http1.h"\n')
    status, text = tree.check()
    assert status == 1
    assert "circle of rooms, or behind one: parsers_core, parsers_http1" in text


def test_refuses_a_row_that_points_back(tree):
    tree.room("processor/base", "", "base.h", "")
    tree.room("parsers/raw", "DEPS processor_base", "raw.cc", '#include "processor/base/base.h"\n')
    status, text = tree.check()
    assert status == 1
    assert "parsers/raw may not depend on processor_base" in text


def test_refuses_a_header_of_no_room(tree):
    tree.room("agent/elf", "", "elf.cc", '#include "tests/unit/elf_image.h"\n')
    status, text = tree.check()
    assert status == 1
    assert "agent/elf/elf.cc:1: tests/unit/elf_image.h belongs to no room" in text

# SPDX-License-Identifier: Apache-2.0
"""scripts/check-tidy --since: which files of a made-up history it looks at."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "scripts/check-tidy"
# Long enough that git knows them again where they went.
CODE = "".join(f"int Number{number}() {{ return {number}; }}\n" for number in range(20))
USER = '#include "room/used.h"\n\n' + CODE


class History:
    """A repository in which every file was committed once, and what check-tidy thinks of it."""

    def __init__(self, root: pathlib.Path):
        loader = importlib.machinery.SourceFileLoader("check_tidy", str(CHECK))
        self._check = importlib.util.module_from_spec(
            importlib.util.spec_from_loader(loader.name, loader)
        )
        loader.exec_module(self._check)
        self._check.ROOT = self.root = root
        self.git("init", "--quiet")
        self.write("room/used.h", "int Used();\n")
        self.write("room/user.cc", USER)
        self.write("room/other.cc", CODE)
        self.write("elsewhere/user.cc", USER.replace("Number", "Count"))
        self.git("add", "--all")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "all")

    def git(self, *words):
        subprocess.run(["git", *words], cwd=self.root, check=True)

    def write(self, name: str, text: str):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def looked_at(self):
        """What is looked at of what changed since the commit."""
        return self._check.concerned(
            self._check.changed_since("HEAD"), self._check.sources("*.cc")
        )


@pytest.fixture(name="history")
def _history(tmp_path):
    return History(tmp_path)


def test_nothing_is_looked_at_where_nothing_changed(history):
    assert history.looked_at() == set()


def test_changed_code_is_looked_at(history):
    history.write("room/other.cc", CODE + "int More() { return 1; }\n")
    assert history.looked_at() == {"room/other.cc"}


def test_a_macro_is_code(history):
    history.write("room/other.cc", CODE + "#define MORE 1\n")
    assert history.looked_at() == {"room/other.cc"}


def test_a_new_file_is_looked_at_before_git_knows_it(history):
    history.write("room/new.cc", "int New();\n")
    assert history.looked_at() == {"room/new.cc"}


def test_a_file_that_moved_and_includes_others_is_the_same_code(history):
    (history.root / "room/deeper").mkdir()
    history.git("mv", "room/other.cc", "room/deeper/other.cc")
    history.write("room/deeper/other.cc", '#include "room/deeper/more.h"\n\n' + CODE)
    assert history.looked_at() == set()


def test_a_file_that_moved_and_changed_is_looked_at(history):
    history.git("mv", "room/other.cc", "room/another.cc")
    history.write("room/another.cc", CODE.replace("return 7", "return 8"))
    assert history.looked_at() == {"room/another.cc"}


def test_comments_are_no_code(history):
    history.write("room/other.cc", "// What these are for.\n" + CODE)
    assert history.looked_at() == set()


def test_a_header_stands_for_who_includes_it_in_its_folder(history):
    history.write("room/used.h", "int Used(int how);\n")
    assert history.looked_at() == {"room/user.cc"}


def test_a_deleted_file_is_not_looked_at(history):
    history.git("rm", "--quiet", "room/other.cc")
    assert history.looked_at() == set()

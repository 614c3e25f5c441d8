# SPDX-License-Identifier: Apache-2.0
"""Debian's kernels: found and downloaded with apt from the mirror this machine uses, unpacked, and
never installed. What was downloaded is kept, and used again without asking the network."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess

import vmlinux

NEWEST = "newest"

# What to boot: a kernel series, or whatever has the highest number.
WANTED = ("5.10", "6.1", "6.12", "6.18", NEWEST)

# Of these, what every run boots: the oldest, Debian 12's own, which lacks what the newest have
# (matrix.py), and the newest.
USUAL = ("5.10", "6.1", NEWEST)

# Where Debian has them: suite, and its repository as apt labels it.
_SUITES = (
    ("bullseye-security", "Debian-Security"),
    ("bookworm", "Debian"),
    ("trixie", "Debian"),
    ("trixie-backports", "Debian"),
    ("sid", "Debian"),
)
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class KernelError(Exception):
    """A kernel cannot be had."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel that is ready to boot."""

    version: str  # as its package is named, such as 6.1.0-41
    image: pathlib.Path  # an ELF vmlinux


def numbers(version):
    """The numbers in a version, which order as versions do."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def fetch(wanted, update=False):
    """The kernels wanted; from the cache, unless one is not there or `update` asks for newer."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    cache = cache / "tlscope" / "kernels"
    missing = [name for name in wanted if update or not _cached(cache, name)]
    if missing:
        archive = _Archive(cache / "apt")
        for name in missing:
            _store(archive, cache, name)
        shutil.rmtree(archive.directory)  # the lists are larger than the kernels
    return [_cached(cache, name) for name in wanted]


def _cached(cache, wanted):
    images = list((cache / wanted).glob("vmlinux-*"))
    return Kernel(images[0].name.removeprefix("vmlinux-"), images[0]) if images else None


def _store(archive, cache, wanted):
    package, version = archive.find(wanted)
    directory = cache / wanted
    target = directory / f"vmlinux-{version}"
    if target.exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / "partial"
    partial.write_bytes(vmlinux.extract(archive.read(package, "*/vmlinuz*")))
    for outdated in directory.glob("vmlinux-*"):
        outdated.unlink()
    partial.rename(target)


class _Archive:
    """Debian's, through an apt configuration that has nothing in common with the machine's."""

    def __init__(self, directory):
        self.directory = directory
        for part in ("lists/partial", "cache/archives/partial"):
            (directory / part).mkdir(parents=True, exist_ok=True)
        sources = directory / "sources.list"
        mirrors = _mirrors()
        sources.write_text(
            "".join(
                f"deb [arch=amd64 signed-by={_KEYRING}] {mirrors[label]} {suite} main\n"
                for suite, label in _SUITES
            )
        )
        self._options = [
            f"-oDir::Etc::SourceList={sources}",
            "-oDir::Etc::SourceParts=/dev/null",
            "-oDir::Etc::Preferences=/dev/null",
            "-oDir::Etc::PreferencesParts=/dev/null",
            f"-oDir::State::Lists={directory}/lists",
            "-oDir::State::Status=/dev/null",
            f"-oDir::Cache={directory}/cache",
            "-oAPT::Sandbox::User=root",
        ]
        self._apt("apt-get", "update", "-qq", "--error-on=any")

    def find(self, wanted):
        """The package with the image of the newest kernel that is wanted, and its version."""
        series = r"\d" if wanted == NEWEST else re.escape(wanted) + r"\."
        pattern = rf"linux-(image|binary)-({series}\S*)-cloud-amd64"
        offered = self._apt("apt-cache", "pkgnames", "linux-").decode().split()
        matches = [match for name in offered if (match := re.fullmatch(pattern, name))]
        if not matches:
            raise KernelError(f"Debian offers no {wanted} kernel in {_suite_names()}")
        # Since 6.19 the image is in a package of its own, and linux-image-* only depends on it.
        best = max(matches, key=lambda match: (numbers(match[2]), match[1] == "binary"))
        return best[0], best[2]

    def read(self, package, pattern):
        """The content of the file in `package` that `pattern` names."""
        directory = self.directory / "cache"
        self._apt("apt-get", "download", "-qq", package, cwd=directory)
        (archive,) = directory.glob(f"{package}_*.deb")
        files = _run(["dpkg-deb", "--fsys-tarfile", str(archive)])
        archive.unlink()
        return _run(["tar", "-xO", "--wildcards", pattern], input=files)

    def _apt(self, program, *arguments, **options):
        return _run([program, *self._options, *arguments], **options)


def _run(command, **options):
    done = subprocess.run(command, capture_output=True, check=False, **options)
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip()
        raise KernelError(f"cannot get a kernel from Debian: {command[0]} says: {complaint}")
    return done.stdout


def _suite_names():
    return ", ".join(suite for suite, _ in _SUITES)


def _mirrors():
    """Where this machine gets Debian's repositories from, by the label apt shows."""
    form = "--format=$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    mirrors = {}
    for line in _run(["apt-get", "indextargets", form, "Created-By: Packages"]).decode().split("\n"):
        origin, _, rest = line.partition("|")
        label, _, uri = rest.partition("|")
        if origin == "Debian":
            mirrors.setdefault(label, uri)
    if missing := {label for _, label in _SUITES} - mirrors.keys():
        raise KernelError(f"apt on this machine has no repository labelled {' and '.join(missing)}")
    return mirrors

# SPDX-License-Identifier: Apache-2.0
"""The guest's files: our programs with the libraries they need, curl, nginx and a busybox."""

import pathlib
import re
import shutil
import subprocess
import tempfile

_HERE = pathlib.Path(__file__).resolve().parent
_PROGRAMS = ("curl", "nginx")
_NGINX = """
user root;
pid /tmp/nginx.pid;
error_log /dev/console crit;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:8443 ssl;
    ssl_certificate /etc/certificate.pem;
    ssl_certificate_key /etc/key.pem;
    location / { return 200 "you asked for $uri\\n"; }
  }
}
"""


def build(target, ours):
    """Writes the archive `target`; `ours` are the programs to test."""
    with tempfile.TemporaryDirectory(prefix="tlscope-initramfs-") as name:
        root = pathlib.Path(name)
        _make_skeleton(root)
        for program in (*ours, *map(_find, _PROGRAMS)):
            shutil.copy2(program, root / "usr/bin")
            _copy_libraries(program, root)
        _make_certificate(root / "etc")
        (root / "etc/nginx.conf").write_text(_NGINX)
        shutil.copy2(_HERE / "guest_init.sh", root / "init")
        files = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True).stdout
        with target.open("wb") as archive:
            command = ["busybox", "cpio", "-o", "-H", "newc"]
            subprocess.run(
                command, cwd=root, input=files, stdout=archive, stderr=subprocess.DEVNULL, check=True
            )


def _make_skeleton(root):
    for directory in ("dev", "proc", "sys", "tmp", "etc", "usr/bin", "usr/lib", "usr/lib64"):
        (root / directory).mkdir(parents=True)
    for merged in ("bin", "lib", "lib64"):
        (root / merged).symlink_to(f"usr/{merged}")
    (root / "usr/sbin").symlink_to("bin")
    (root / "sbin").symlink_to("usr/bin")
    for directory in ("var/log/nginx", "var/lib/nginx"):
        (root / directory).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    busybox = root / "usr/bin/busybox"
    shutil.copy2(_find("busybox"), busybox)
    for applet in subprocess.run(
        ["busybox", "--list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split():
        if applet != "busybox":
            (busybox.parent / applet).symlink_to("busybox")


def _copy_libraries(program, root):
    listed = subprocess.run(["ldd", str(program)], stdout=subprocess.PIPE, text=True, check=True)
    for library in re.findall(r"(/\S+) \(0x", listed.stdout):
        place = root / library.lstrip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(library, place)


def _make_certificate(directory):
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650"
        " -subj /CN=guest -addext subjectAltName=IP:127.0.0.1"
        f" -keyout {directory}/key.pem -out {directory}/certificate.pem"
    )
    subprocess.run(command.split(), check=True, capture_output=True)


def _find(program):
    path = shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin")
    if not path:
        raise FileNotFoundError(f"{program} is not installed: scripts/setup test kernels")
    return path

# SPDX-License-Identifier: Apache-2.0
"""The HTTPS server that clients talk to: nginx with a certificate and files of its own."""

import dataclasses
import os
import pathlib
import re
import shutil
import socket
import subprocess

from deadlines import DEADLINE_S, Deadline, LineReader

# Not root, so that a filter by user can tell the server from its clients.
SERVER_USER = "nobody"


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A certificate for the loopback addresses, which is its own authority, and its key."""

    certificate: pathlib.Path
    key: pathlib.Path

    @staticmethod
    def make(directory):
        """Has openssl make them in `directory`."""
        made = Credentials(directory / "certificate.pem", directory / "key.pem")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
        command = ["openssl", "req", "-x509", "-newkey", "ec"]
        command += ["-pkeyopt", "ec_paramgen_curve:P-256"]
        command += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", names]
        command += ["-keyout", str(made.key), "-out", str(made.certificate)]
        subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S)
        made.key.chmod(0o644)  # servers that run as another user read it; it protects nothing
        return made


_CONFIGURATION = """
daemon off;
user {user} {group};
worker_processes 1;
pid {prefix}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
  access_log off;
  default_type application/octet-stream;
  types {{ }}
  client_max_body_size 64m;
  client_body_temp_path {prefix}/temporary;
  proxy_temp_path {prefix}/temporary;
  fastcgi_temp_path {prefix}/temporary;
  uwsgi_temp_path {prefix}/temporary;
  scgi_temp_path {prefix}/temporary;
  keepalive_requests 10000;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    listen [::1]:{port} ssl http2;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root {prefix}/files;
    # What the server itself says of the connection.
    location = /connection {{
      return 200 "$remote_addr $remote_port $server_addr $server_port $pid";
    }}
    # Content whose length the server does not know when it starts, hence chunked, with a trailer.
    location /chunked/ {{
      alias {prefix}/files/;
      sub_filter_types *;
      sub_filter_once off;
      sub_filter "never in any file" "";
      add_trailer X-Ending "of $uri";
    }}
    # A file that is coded already, for example /coded/name?coding=gzip,br.
    location /coded/ {{
      alias {prefix}/files/;
      add_header Content-Encoding $arg_coding;
    }}
    # What the server codes itself while it sends, hence chunked.
    location /gzipped/ {{
      alias {prefix}/files/;
      gzip on;
      gzip_types *;
      gzip_min_length 0;
    }}
    location /uploads/ {{
      dav_methods PUT;
    }}
  }}
}}
"""


class Nginx:
    """A running nginx on an ephemeral port of 127.0.0.1 and ::1."""

    def __init__(self, prefix, credentials):
        self._prefix = prefix
        self._credentials = credentials
        self._program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        for folder in ("files", "files/uploads", "temporary"):
            (prefix / folder).mkdir()
            shutil.chown(prefix / folder, SERVER_USER)
        self.port = 0
        self.worker_pid = 0
        self._process = None

    def __enter__(self):
        # Another program may take the port between its choice and nginx's bind; then try another.
        for _ in range(5):
            if self._start():
                return self
        raise AssertionError("nginx found no port to listen on")

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.communicate(timeout=DEADLINE_S)
        finally:
            self._process.kill()
            self._process.wait()

    def url(self, target, host="127.0.0.1"):
        """The URL of a target on this server."""
        return f"https://{host}:{self.port}{target}"

    def add_file(self, name, content):
        """Serves `content` as /`name`, and under /chunked/, /coded/ and /gzipped/."""
        (self._prefix / "files" / name).write_bytes(content)

    def uploaded(self, name):
        """What was uploaded to /uploads/`name`."""
        return (self._prefix / "files/uploads" / name).read_bytes()

    def _start(self):
        self.port = _unused_port()
        configuration = self._prefix / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                user=SERVER_USER,
                group="nogroup",
                prefix=self._prefix,
                port=self.port,
                certificate=self._credentials.certificate,
                key=self._credentials.key,
            ),
            encoding="utf-8",
        )
        self._process = subprocess.Popen(
            [self._program, "-p", str(self._prefix), "-c", str(configuration), "-e", "stderr"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        lines = LineReader(self._process.stderr.fileno())
        diagnostics = []
        deadline = Deadline()
        while (line := lines.read_line(deadline)) is not None:
            diagnostics.append(line.decode(errors="replace"))
            if match := re.search(r"start worker process (\d+)", diagnostics[-1]):
                self.worker_pid = int(match[1])
                return True
        self._process.wait(DEADLINE_S)
        assert "Address already in use" in "".join(diagnostics), "\n".join(diagnostics)
        return False


def _unused_port():
    """A port free at this moment on both loopback addresses."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            port = chosen.getsockname()[1]
            try:
                with socket.create_server(("::1", port), family=socket.AF_INET6):
                    return port
            except OSError:
                continue  # taken on the other address

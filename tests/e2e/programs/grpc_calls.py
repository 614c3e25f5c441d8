#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gRPC server and its client in one process. Messages are bytes as they are: without descriptors
what goes over the connection is known exactly."""

import base64
import concurrent.futures
import os
import sys

import command_loop
import grpc

SERVICE = "tlscope.test.Echo"


def _fail(_request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


class _Echo(grpc.GenericRpcHandler):
    """Answers with what it was sent, or fails. Keeps the metadata of the last call that tells."""

    metadata = []

    def _tell(self, request, context):
        _Echo.metadata = [list(field) for field in context.invocation_metadata()]
        context.send_initial_metadata([("x-initial", "from the server")])
        context.set_trailing_metadata([("x-trailing", "also from the server")])
        return request

    _METHODS = {
        "Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
        "ServerStream": grpc.unary_stream_rpc_method_handler(
            lambda request, _: (request for _ in range(3))
        ),
        "Both": grpc.stream_stream_rpc_method_handler(lambda requests, _: requests),
        "Fail": grpc.unary_unary_rpc_method_handler(_fail),
    }

    def service(self, handler_call_details):
        """What to call for a method."""
        method = handler_call_details.method.rpartition("/")[2]
        if method == "Tell":
            return grpc.unary_unary_rpc_method_handler(self._tell)
        return self._METHODS.get(method)


class Calls(command_loop.Actor):
    """What the commands do."""

    def __init__(self):
        self._server = None
        self._channel = None

    def open(self, command):
        """Starts the server and opens a channel to it."""
        with open(command["certificate"], "rb") as chain, open(command["key"], "rb") as secret:
            certificate, key = chain.read(), secret.read()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=(_Echo(),))
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self._server.start()
        credentials = grpc.ssl_channel_credentials(certificate)
        self._channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials)
        grpc.channel_ready_future(self._channel).result(20)
        return {"pid": os.getpid()}

    def call(self, command):
        """Makes one call; what came of it."""
        make = getattr(self._channel, command["kind"])(f"/{SERVICE}/{command['method']}")
        sent = [base64.b64decode(message) for message in command["messages"]]
        compression = grpc.Compression.Gzip if command.get("gzip") else None
        argument = iter(sent) if command["kind"].startswith("stream") else sent[0]
        try:
            answer = make(argument, compression=compression, timeout=20)
            answers = [answer] if isinstance(answer, bytes) else list(answer)
            status, text = 0, ""
        except grpc.RpcError as error:
            answers, status, text = [], error.code().value[0], error.details()
        return {
            "answers": [command_loop.encode(answer) for answer in answers],
            "status": status,
            "text": text,
        }

    def tell(self, command):
        """Makes a unary call with metadata; the metadata that either end saw of the other."""
        make = self._channel.unary_unary(f"/{SERVICE}/Tell")
        fields = [tuple(field) for field in command["metadata"]]
        _, call = make.with_call(b"", metadata=fields, timeout=20)
        return {
            "request": _Echo.metadata,
            "initial": [list(field) for field in call.initial_metadata()],
            "trailing": [list(field) for field in call.trailing_metadata()],
        }

    def close(self, _):
        """Closes the channel and the server."""
        self._channel.close()
        self._server.stop(1).wait()


if __name__ == "__main__":
    sys.exit(command_loop.serve(Calls()))

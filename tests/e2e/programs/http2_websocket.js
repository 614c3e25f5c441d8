// SPDX-License-Identifier: Apache-2.0
// A WebSocket over HTTP/2 (RFC 8441) between a Node server and its client in one process, without
// extensions: `node http2_websocket.js CERTIFICATE KEY MESSAGES`. Starts when a line comes, prints
// what each end received as one JSON line, then ends when stdin does.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');

const [certificate, key, messages] = process.argv.slice(2);
const TEXT = 1;
const CLOSE = 8;

// RFC 6455 5.2, of up to 125 bytes.
function frame(opcode, masked, payload) {
  const head = Buffer.from([0x80 | opcode, (masked ? 0x80 : 0) | payload.length]);
  if (!masked) return Buffer.concat([head, payload]);
  const mask = crypto.randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3])]);
}

// Calls `take` with the opcode and the payload of each frame that `stream` brings.
function read(stream, take) {
  let held = Buffer.alloc(0);
  stream.on('data', (piece) => {
    held = Buffer.concat([held, piece]);
    for (;;) {
      if (held.length < 2) return;
      const masked = (held[1] & 0x80) !== 0;
      const begin = masked ? 6 : 2;
      const end = begin + (held[1] & 0x7f);
      if (held.length < end) return;
      let payload = held.subarray(begin, end);
      if (masked) payload = payload.map((byte, i) => byte ^ held[2 + (i & 3)]);
      take(held[0] & 0x0f, payload);
      held = held.subarray(end);
    }
  });
}

const seen = {server: [], client: []};

function serve(stream) {
  stream.respond({':status': 200});
  read(stream, (opcode, payload) => {
    seen.server.push([opcode, payload.toString('base64')]);
    if (opcode === CLOSE) return stream.end(frame(CLOSE, false, payload));
    stream.write(frame(TEXT, false, Buffer.concat([Buffer.from('answer to '), payload])));
  });
}

function talk(client, finish) {
  const stream = client.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/chat',
    'sec-websocket-version': '13',
  });
  stream.on('response', () => {
    for (let i = 0; i < Number(messages); ++i) {
      stream.write(frame(TEXT, true, Buffer.from('question ' + i)));
    }
    stream.end(frame(CLOSE, true, Buffer.concat([Buffer.from([3, 232]), Buffer.from('bye')])));
  });
  read(stream, (opcode, payload) => seen.client.push([opcode, payload.toString('base64')]));
  stream.on('close', finish);
}

process.stdin.once('data', () => {
  const server = http2.createSecureServer({
    cert: fs.readFileSync(certificate),
    key: fs.readFileSync(key),
    settings: {enableConnectProtocol: true},
  });
  server.on('stream', serve);
  server.listen(0, '127.0.0.1', () => {
    const url = 'https://127.0.0.1:' + server.address().port;
    const client = http2.connect(url, {ca: fs.readFileSync(certificate)});
    client.once('remoteSettings', () => {
      talk(client, () => {
        client.close(() => server.close(() => console.log(JSON.stringify(seen))));
      });
    });
  });
});
process.stdin.on('end', () => process.exit(0));

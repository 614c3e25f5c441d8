// SPDX-License-Identifier: Apache-2.0
//
// A WebSocket echo over TLS with permessage-deflate: `node websocket_echo.js CERTIFICATE KEY`.
// Prints the port it listens on, and then a line for each connection that ends. Node's own zlib and
// crypto do the work, so that nothing has to be installed.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const zlib = require('zlib');

const TAIL = Buffer.from([0, 0, 0xff, 0xff]); // RFC 7692 7.2.1

function frame(opcode, rsv1, payload) {
  const first = 0x80 | (rsv1 ? 0x40 : 0) | opcode;
  if (payload.length < 126) {
    return Buffer.concat([Buffer.from([first, payload.length]), payload]);
  }
  const header = Buffer.from([first, 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([header, payload]);
}

// The first frame of `bytes`, which is masked and shorter than 64 KiB; null when it is not whole.
function readFrame(bytes) {
  if (bytes.length < 2) return null;
  let at = 2;
  let size = bytes[1] & 0x7f;
  if (size === 126) {
    if (bytes.length < 4) return null;
    size = bytes.readUInt16BE(2);
    at = 4;
  }
  if (bytes.length < at + 4 + size) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + size));
  for (let i = 0; i < payload.length; ++i) payload[i] ^= mask[i & 3];
  return {opcode: bytes[0] & 0x0f, rsv1: (bytes[0] & 0x40) !== 0, payload, end: at + 4 + size};
}

// Both ways share their windows from message to message: the streams live as long as the socket.
class Codec {
  constructor() {
    this.inflater = zlib.createInflateRaw();
    this.deflater = zlib.createDeflateRaw();
  }
  run(stream, input) {
    return new Promise((resolve) => {
      const pieces = [];
      const take = (piece) => pieces.push(piece);
      stream.on('data', take);
      stream.write(input);
      stream.flush(zlib.constants.Z_SYNC_FLUSH, () => {
        stream.off('data', take);
        resolve(Buffer.concat(pieces));
      });
    });
  }
  inflate(payload) {
    return this.run(this.inflater, Buffer.concat([payload, TAIL]));
  }
  async deflate(message) {
    const payload = await this.run(this.deflater, message);
    return payload.subarray(0, payload.length - TAIL.length);
  }
}

async function answer(socket, codec, message) {
  if (message.opcode === 8) {
    socket.end(frame(8, false, message.payload));
  } else if (message.opcode === 9) {
    socket.write(frame(10, false, message.payload));
  } else {
    const text = message.rsv1 ? await codec.inflate(message.payload) : message.payload;
    socket.write(frame(message.opcode, true, await codec.deflate(text)));
  }
}

const [certificate, key] = process.argv.slice(2);
const server = https.createServer({cert: fs.readFileSync(certificate), key: fs.readFileSync(key)});
server.on('upgrade', (request, socket) => {
  const accept = crypto.createHash('sha1')
      .update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
      .digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
               `Sec-WebSocket-Accept: ${accept}\r\n` +
               'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n');
  const codec = new Codec();
  let bytes = Buffer.alloc(0);
  let turn = Promise.resolve();
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    for (let next = readFrame(bytes); next !== null; next = readFrame(bytes)) {
      const message = next;
      bytes = bytes.subarray(message.end);
      turn = turn.then(() => answer(socket, codec, message));
    }
  });
  socket.on('close', () => console.log('closed'));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

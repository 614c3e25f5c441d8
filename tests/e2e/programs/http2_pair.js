// SPDX-License-Identifier: Apache-2.0
// A Node server and its client in one process: `exchanges` requests at once over one connection.
// Prints what each end saw of each stream as one JSON line, then ends when stdin does.
'use strict';
const fs = require('fs');
const http2 = require('http2');

const [certificate, key, exchanges] = process.argv.slice(2);
const seen = {server: {}, client: {}};

function collect(stream, done) {
  const pieces = [];
  stream.on('data', (piece) => pieces.push(piece));
  stream.on('end', () => done(Buffer.concat(pieces).toString('base64')));
}

const server = http2.createSecureServer({
  cert: fs.readFileSync(certificate),
  key: fs.readFileSync(key),
});
server.on('stream', (stream, headers, flags, raw) => {
  collect(stream, (body) => {
    seen.server[stream.id] = {raw, body};
    stream.respond({':status': 200, 'x-answers': headers[':path'], 'content-type': 'text/plain'},
                   {waitForTrailers: true});
    stream.on('wantTrailers', () => stream.sendTrailers({'x-trailer': headers[':path']}));
    stream.end('answer to ' + headers[':path'] + ' ' + 'x'.repeat(stream.id * 100));
  });
});

function run(client, finish) {
  let left = Number(exchanges);
  for (let i = 0; i < Number(exchanges); ++i) {
    const request = client.request({':method': 'POST', ':path': '/' + i, 'x-number': String(i)});
    const answer = {};
    request.on('response', (headers, flags, raw) => { answer.raw = raw; });
    request.on('trailers', (headers, flags, raw) => { answer.trailers = raw; });
    collect(request, (body) => {
      answer.body = body;
      seen.client[request.id] = answer;
      if (--left === 0) finish();
    });
    request.end('question ' + i);
  }
}

process.stdin.once('data', () => {
  server.listen(0, '127.0.0.1', () => {
    const url = 'https://127.0.0.1:' + server.address().port;
    const client = http2.connect(url, {ca: fs.readFileSync(certificate)});
    run(client, () => {
      client.close(() => server.close(() => console.log(JSON.stringify(seen))));
    });
  });
});
process.stdin.on('end', () => process.exit(0));

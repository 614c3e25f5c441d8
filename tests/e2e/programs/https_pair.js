// SPDX-License-Identifier: Apache-2.0
// A Node https server and its clients in one process, over memory BIOs: node https_pair.js
// CERTIFICATE KEY CONNECTIONS ROUNDS. Waits for a line on standard input; then all connections
// exchange ROUNDS requests and responses at once; number 7 asks for host7.example. Prints one line of JSON: the connections, as each
// client's socket names its ends. Ends when standard input does.
'use strict';
const fs = require('fs');
const https = require('https');

const [certificate, key, connections, rounds] = process.argv.slice(2);

const server = https.createServer({
  cert: fs.readFileSync(certificate),
  key: fs.readFileSync(key),
}, (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    response.setHeader('X-Target', request.url);
    response.end(Buffer.concat(pieces));
  });
});

function exchange(agent, port, target, body) {
  return new Promise((resolve, reject) => {
    const servername = 'host' + target.split('/')[1] + '.example';
    const options = {agent, port, host: '127.0.0.1', servername, path: target, method: 'POST'};
    const request = https.request(options, (response) => {
      const {localAddress, localPort, remoteAddress, remotePort} = response.socket;
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => {
        if (!Buffer.concat(pieces).equals(body)) reject(new Error('another answer'));
        resolve([[localAddress, localPort], [remoteAddress, remotePort]]);
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function talk(port, number) {
  const agent = new https.Agent({
    keepAlive: true, maxSockets: 1, ca: fs.readFileSync(certificate),
    checkServerIdentity: () => undefined,
  });
  const body = Buffer.alloc(number * 37 % 20011, 'x');
  let ends;
  for (let round = 0; round < Number(rounds); ++round) {
    ends = await exchange(agent, port, '/' + number + '/' + round, body);
  }
  agent.destroy();
  return ends;
}

process.stdin.once('data', () => {
  server.listen(0, '127.0.0.1', 511, async () => {
    const port = server.address().port;
    const talks = [];
    for (let number = 0; number < Number(connections); ++number) talks.push(talk(port, number));
    console.log(JSON.stringify(await Promise.all(talks)));
  });
});
process.stdin.on('end', () => process.exit(0));

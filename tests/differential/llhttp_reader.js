// SPDX-License-Identifier: Apache-2.0
//
// How llhttp, the HTTP/1.x parser inside Node.js, reads the cases on standard input: one line of
// JSON for each, {"strict": reading, "lenient": reading}, in which all text is hexadecimal. Strict
// is Node's default, lenient what its `insecureHTTPParser` sets. The cases are as http1_reader.cc
// describes them.
'use strict';

const fs = require('fs');

const { HTTPParser, methods, allMethods } = process.binding('http_parser');
const METHODS = allMethods ?? methods;

const MAX_HEAD_BYTES = 1 << 26;

function hex(text) {
  return Buffer.from(text, 'latin1').toString('hex');
}

function pairs(flat) {
  const fields = [];
  for (let i = 0; i < flat.length; i += 2) fields.push([hex(flat[i]), hex(flat[i + 1])]);
  return fields;
}

function methodsOf(requests) {
  return requests.split('\r\n\r\n').filter(Boolean).map((head) => head.split(' ')[0]);
}

// What llhttp wants to hear after a head: 0 read on, 1 there is no body, 2 nor a next message.
function afterHead(status, awaited) {
  if (status >= 100 && status < 200) return 0;
  const method = awaited.shift();
  if (method === 'HEAD') return 1;
  return method === 'CONNECT' && status >= 200 && status < 300 ? 2 : 0;
}

function read({ role, requests, bytes }, leniency) {
  const awaited = methodsOf(requests);
  const messages = [];
  let lines = []; // field lines, which llhttp hands over in portions
  let target = '';
  let message = null;
  let inHead = true;
  let switched = false;

  const callbacks = {};
  callbacks[HTTPParser.kOnHeaders | 0] = (fields, url) => {
    lines = lines.concat(fields);
    if (inHead) target += url; // with trailers it comes again
  };
  callbacks[HTTPParser.kOnHeadersComplete | 0] = (major, minor, fields, method, url, status) => {
    message = {
      method: hex(METHODS[method] ?? ''),
      target: hex(target + (url ?? '')),
      status: status ?? 0,
      fields: pairs(lines.concat(fields ?? [])),
      body: '',
      trailers: [],
      whole: false,
    };
    lines = [];
    target = '';
    messages.push(message);
    inHead = false;
    if (role === 'request') return 0; // whether the protocol changes, only a response tells
    const next = afterHead(status, awaited);
    switched = status === 101 || next === 2;
    return next;
  };
  callbacks[HTTPParser.kOnBody | 0] = (body) => {
    message.body += Buffer.from(body).toString('hex');
  };
  callbacks[HTTPParser.kOnMessageComplete | 0] = () => {
    message.trailers = pairs(lines);
    message.whole = true;
    inHead = true;
    lines = [];
  };

  const type = role === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
  let parser;
  let at = 0;
  do {
    parser = Object.assign(new HTTPParser(), callbacks);
    parser.initialize(type, {}, MAX_HEAD_BYTES, leniency);
    const result = parser.execute(bytes.subarray(at));
    if (result instanceof Error) {
      at += result.bytesParsed;
      return { messages, end: 'reject', code: result.code, at };
    }
    at += result;
    if (switched) return { messages, end: 'upgrade', rest: bytes.subarray(at).toString('hex') };
    if (at < bytes.length && message?.whole === false) {
      // Node keeps errors to itself once a message has asked to change the protocol.
      return { messages, end: 'reject', code: 'hidden', at };
    }
    // After a request that asks so it stops too; another one reads on: it takes a response.
  } while (at < bytes.length);
  const partial = parser.finish() instanceof Error || message?.whole === false;
  return { messages, end: partial ? 'partial' : 'clean' };
}

function* cases(input) {
  let at = 0;
  const next = () => {
    const begin = at + 4;
    at = begin + input.readUInt32LE(at);
    return input.subarray(begin, at);
  };
  while (at < input.length) {
    yield { role: next().toString(), requests: next().toString('latin1'), bytes: next() };
  }
}

for (const one of cases(fs.readFileSync(0))) {
  const strict = read(one, HTTPParser.kLenientNone);
  const lenient = read(one, HTTPParser.kLenientAll);
  fs.writeSync(1, `${JSON.stringify({ strict, lenient })}\n`);
}

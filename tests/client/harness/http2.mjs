// HTTP/2 by node:http2: requests as streams of one connection, and Engine.IO polling over them.
import http2 from 'node:http2';
import tls from 'node:tls';
import { once } from 'node:events';
import { configuration } from './nginx.mjs';
import { deadline, kPatience } from './wait.mjs';

/** options.config for a server whose TLS port speaks HTTP/2 beside HTTP/1.1. It needs `tls: true`. */
export const http2Config = (options) => (server) =>
  configuration(options, { http: server.port, tls: server.tlsPort }).replace(/(listen 127\.0\.0\.1:\d+ ssl);/, '$1 http2;');

export class Http2 {
  constructor(server, session) {
    Object.assign(this, { server, session, settings: null });
  }

  static async open(server) {
    const socket = tls.connect({ port: server.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    await deadline(once(socket, 'secureConnect'), kPatience, 'a TLS connection');
    if (socket.alpnProtocol !== 'h2') throw new Error(`ALPN chose ${socket.alpnProtocol}`);
    const session = http2.connect(server.tlsUrl, { createConnection: () => socket });
    const connection = new Http2(server, session);
    connection.socket = socket;
    const forget = server.onStop(() => session.destroy());
    session.on('close', forget);
    const settled = new Promise((resolve, reject) => {
      session.once('error', reject);
      session.once('remoteSettings', (settings) => { connection.settings = settings; resolve(); });
    });
    await deadline(settled, kPatience, 'the settings of HTTP/2');
    session.on('error', (error) => { connection.problem = error; });
    return connection;
  }

  /** One request; {stream, answer}, where answer resolves to {status, headers, bytes, body} and rejects when it is reset. */
  begin({ method = 'GET', path: target, headers = {}, body, pseudo = {}, open = false }) {
    const stream = this.session.request({ ':method': method, ':path': target, ...pseudo, ...headers }, { endStream: body === undefined && !open });
    const answer = new Promise((resolve, reject) => {
      let head;
      const chunks = [];
      stream.on('response', (got) => { head = got; });
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('close', () => {
        if (!head) return reject(new Error(`the stream ended without an answer, code ${stream.rstCode}`));
        const bytes = Buffer.concat(chunks);
        resolve({ status: head[':status'], headers: head, bytes, body: bytes.toString(), json: () => JSON.parse(bytes.toString()) });
      });
    });
    answer.catch(() => {});
    if (body !== undefined) stream.end(body);
    return { stream, answer: deadline(answer, kPatience, `the answer to ${method} ${target} over HTTP/2`) };
  }

  request(options) {
    const { answer } = this.begin(options);
    return answer;
  }

  close() { this.session.destroy(); }
}

/** Engine.IO polling whose requests are streams of `connection`. */
export class Polling2 {
  constructor(connection, sid, target) { Object.assign(this, { connection, sid, target }); }

  static async open(connection, target = '/engine.io/') {
    const opening = await connection.request({ path: `${target}?EIO=4&transport=polling` });
    if (opening.status !== 200) throw new Error(`the handshake was answered ${opening.status}: ${opening.body}`);
    const handshake = JSON.parse(opening.body.slice(1));
    const polling = new Polling2(connection, handshake.sid, target);
    return Object.assign(polling, { opening, handshake });
  }

  url(transport = 'polling') { return `${this.target}?EIO=4&transport=${transport}&sid=${this.sid}`; }
  begin(headers = {}) { return this.connection.begin({ path: this.url(), headers }); }
  poll(headers = {}) { return this.connection.request({ path: this.url(), headers }); }
  post(body, headers = {}) {
    return this.connection.request({ method: 'POST', path: this.url(), body, headers: { 'content-type': 'text/plain;charset=UTF-8', ...headers } });
  }
}

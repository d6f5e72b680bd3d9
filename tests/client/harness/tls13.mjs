// Records of TLS 1.3 by hand (RFC 8446, sections 5 and 7), for what no library would send.
import crypto from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

const kHandshake = 22;
const kApplicationData = 23;
const kTag = 16;

/** HKDF-Expand-Label, for no more than one block. */
function expandLabel(secret, label, size) {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, size, name.length]), name, Buffer.from([0, 1])]);
  return crypto.createHmac('sha384', secret).update(info).digest().subarray(0, size);
}

/** A connection whose client can be made to say anything; what it sends as usual goes through `socket`. */
export class Tls13Connection {
  #raw;
  #secret;
  #records = 0; // that have been sent under the secret
  socket;

  static async open(server) {
    const connection = new Tls13Connection();
    connection.#raw = net.connect(server.tlsPort, '127.0.0.1');
    connection.#raw.on('error', () => {});
    await once(connection.#raw, 'connect');
    const socket = tls.connect({ socket: connection.#raw, rejectUnauthorized: false, minVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_256_GCM_SHA384', ALPNProtocols: ['http/1.1'] });
    socket.on('error', () => {});
    socket.on('keylog', (line) => {
      const secret = /^CLIENT_TRAFFIC_SECRET_0 \w+ (\w+)/.exec(line.toString())?.[1];
      if (secret) connection.#secret = Buffer.from(secret, 'hex');
    });
    await once(socket, 'secureConnect');
    connection.socket = socket;
    return connection;
  }

  /** One record of application data, as usual. */
  async send(data) {
    await new Promise((resolve) => { this.socket.write(data, resolve); });
    this.#records++;
  }

  /** A record with part of a handshake message, behind all that has been sent. */
  sendHandshake(bytes) {
    const inner = Buffer.concat([bytes, Buffer.from([kHandshake])]);
    const header = Buffer.from([kApplicationData, 3, 3, 0, inner.length + kTag]);
    const nonce = Buffer.from(expandLabel(this.#secret, 'iv', 12));
    nonce[11] ^= this.#records++;
    const cipher = crypto.createCipheriv('aes-256-gcm', expandLabel(this.#secret, 'key', 32), nonce);
    cipher.setAAD(header);
    this.#raw.write(Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]));
  }

  destroy() { this.#raw.destroy(); }
}

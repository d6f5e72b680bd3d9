// A server that stands in for another program: handlers by path, on a port of its own.
import { once } from 'node:events';
import http from 'node:http';

/** `answer(request, url)` returns {status, headers, body}, or a promise of it; requests are kept in `requests`. */
export class StandIn {
  requests = [];
  #server;

  static async open(answer) {
    const standIn = new StandIn();
    standIn.#server = http.createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      request.body = Buffer.concat(chunks).toString();
      standIn.requests.push(request);
      const { status, headers = {}, body = '' } = await answer(request, new URL(request.url, 'http://stand.in'));
      response.writeHead(status, headers);
      if (typeof body.pipe === 'function') body.pipe(response);
      else response.end(body);
    });
    standIn.#server.listen(0, '127.0.0.1');
    await once(standIn.#server, 'listening');
    standIn.port = standIn.#server.address().port;
    return standIn;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Where alerts arrive: a real HTTP server that keeps what it is sent, and can refuse it. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** What it answers; 0: nothing, the connection is cut. */
  status: number;
  /** The words and subjects that came by JSON: `began token`. */
  readonly told: string[];
}

export async function openReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(Buffer.from(part));
    if (receiver.status === 0) return void request.socket.destroy();
    if (receiver.status < 300)
      received.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
    response.writeHead(receiver.status, { location: '/elsewhere' }).end('thanks');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    received,
    status: 200,
    get told() {
      return received.map(({ body }) => {
        const { phase, kind, about } = JSON.parse(body);
        return `${phase} ${kind}${about === '' ? '' : ` ${about}`}`;
      });
    },
  };
  return receiver;
}

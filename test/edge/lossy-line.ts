/** A line to the Worker on which every request arrives, and no answer does. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';

/** `answers`: the status of each that was lost. */
export async function openLossyLine(url: string) {
  const answers: number[] = [];
  const server = createServer(async (asked, answer) => {
    const { method = '', headers } = asked;
    const sent = { method, headers: { ...headers, host: new URL(url).host }, body: asked };
    const { statusCode, body } = await request(new URL(asked.url ?? '/', url), sent as Parameters<typeof request>[1]);
    await body.dump();
    answers.push(statusCode);
    answer.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, answers, close: () => once(server.close(), 'close') };
}

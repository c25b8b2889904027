/** Where Prometheus finds the host's figures: at a unix socket or a loopback port, or in a file for node_exporter. */
import { chmodSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { EdgebanError, messageOf } from '../../shared/errors.ts';

export interface ExporterSettings {
  /** `/run/edgeban/metrics.sock`, `127.0.0.1:9191` or `[::1]:9191`; empty for none. */
  readonly listen: string;
  /** A file that is written anew again and again; empty for none. */
  readonly textfile: string;
}

export interface ExporterParts {
  text(): string;
  /** What does not work; told once until it works again. */
  trouble(error: EdgebanError): void;
}

export interface Exporter {
  close(): Promise<void>;
}

/** node_exporter is asked every 15 s, mostly. */
const textfile_every_ms = 15_000;
const request_ms_max = 5_000;

/** Never throws: a daemon without figures still bans. */
export async function openExporter({ listen, textfile }: ExporterSettings, parts: ExporterParts): Promise<Exporter> {
  const server = listen === '' ? null : await opened(listen, parts);
  const stopWriting = textfile === '' ? () => undefined : keepWriting(textfile, parts);
  return {
    close: async () => {
      stopWriting();
      if (server === null) return;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function opened(listen: string, parts: ExporterParts): Promise<Server | null> {
  const server = createServer({ requestTimeout: request_ms_max }, (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return answer(response, 404, 'GET /metrics\n');
    answer(response, 200, parts.text());
  });
  server.maxConnections = 20;
  server.unref();
  try {
    await listening(server, listen);
    return server;
  } catch (cause) {
    parts.trouble(failure(`metrics: ${listen} cannot be listened at`, cause));
    return null;
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', connection: 'close' });
  response.end(text);
}

async function listening(server: Server, listen: string): Promise<void> {
  const isPath = listen.startsWith('/');
  if (isPath) await removeDead(listen);
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d+)$/.exec(listen) ?? [];
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(isPath ? { path: listen } : { host, port: Number(port) }, resolve);
  });
  // whoever is root's or in its group may read: nothing in it is secret, but nothing concerns others either
  if (isPath) chmodSync(listen, 0o660);
}

/** A socket that nobody answers at is what a killed daemon has left; anything else is left alone. */
async function removeDead(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
  if (!isAlive) rmSync(path, { force: true });
}

/** Written beside and moved over, so that nobody reads half of it. */
function keepWriting(path: string, { text, trouble }: ExporterParts): () => void {
  let isTold = false;
  const write = () => {
    try {
      writeFileSync(`${path}.edgeban`, text());
      // node_exporter is another user, and the service's umask is for keys
      chmodSync(`${path}.edgeban`, 0o644);
      renameSync(`${path}.edgeban`, path);
      isTold = false;
    } catch (cause) {
      if (!isTold) trouble(failure(`metrics: ${path} cannot be written`, cause));
      isTold = true;
    }
  };
  write();
  const timer = setInterval(write, textfile_every_ms).unref();
  return () => {
    clearInterval(timer);
    // figures that stand still would look like a daemon that is well
    rmSync(path, { force: true });
  };
}

function failure(message: string, cause: unknown): EdgebanError {
  const reason = messageOf(cause);
  const remedy = 'see [Metrics] in edgeban.local, and that the service may write there (ReadWritePaths=)';
  return new EdgebanError('ERR_METRICS', `${message}: ${reason}`, { remedy, cause });
}

/** A host's figures: where they are shown, that they are what the jails count, and that nothing breaks their format. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Exporter, openExporter } from '../../host-agent/metrics/exporter.ts';
import { metricsText, statusLine } from '../../host-agent/metrics/text.ts';
import type { EdgebanError } from '../../shared/errors.ts';
import { startAgent, webJail } from '../agent/bench.ts';

const figures = { memory_bytes: 50_000_000, cpu_seconds: 1.5, started_at: 1_780_000_000 };

function get(options: {
  socketPath?: string;
  port?: number;
  path?: string;
}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ path: '/metrics', ...options }, (response) => {
      let text = '';
      response
        .on('data', (chunk) => (text += chunk))
        .on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject).end();
  });
}

/** As a killed process does. */
function leaveSocket(path: string): void {
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', code]);
}

describe('the figures', () => {
  it('are what the jails count', async () => {
    const { agent, feed } = await startAgent(webJail());
    await feed('fail 198.51.100.7', 'fail 198.51.100.8', 'nothing');
    const text = metricsText(agent, figures);
    expect(text).toContain('edgeban_jail_failures_total{jail="web"} 2\n');
    expect(text).toContain('edgeban_jail_banned{jail="web"} 2\n');
    expect(text).toContain('edgeban_info{version="1.2.3"} 1\n');
    expect(text).toContain('process_resident_memory_bytes 50000000\n');
    expect(text).not.toContain('edgeban_edge');
    expect(statusLine(agent)).toBe('1 jail, 2 banned');
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\.)*"\})? \d+(?:\.\d+)?)$/);
  });
});

describe('the exporter', () => {
  let folder: string;
  let exporter: Exporter | null = null;
  let other: Server | null = null;
  const told: string[] = [];
  const parts = { text: () => 'edgeban_x 1\n', trouble: (error: EdgebanError) => void told.push(error.code) };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'edgeban-metrics-'));
    told.length = 0;
  });
  afterEach(async () => {
    await exporter?.close();
    other?.close();
    exporter = other = null;
    rmSync(folder, { recursive: true });
  });

  it('answers at a unix socket, also where a killed daemon has left one', async () => {
    const listen = join(folder, 'metrics.sock');
    // bound, and never removed
    other = await new Promise<Server>((resolve) => {
      const server = createServer().listen(listen, () => resolve(server));
    });
    exporter = await openExporter({ listen, textfile: '' }, parts);
    expect(told).toEqual(['ERR_METRICS']); // somebody answers there
    await new Promise((resolve) => other?.close(resolve));
    leaveSocket(listen);
    exporter = await openExporter({ listen, textfile: '' }, parts);
    expect(await get({ socketPath: listen })).toEqual({ status: 200, text: 'edgeban_x 1\n' });
    expect((await get({ socketPath: listen, path: '/' })).status).toBe(404);
  });

  it('takes no file away that is no socket', async () => {
    const listen = join(folder, 'precious');
    writeFileSync(listen, 'precious');
    exporter = await openExporter({ listen, textfile: '' }, parts);
    expect(told).toEqual(['ERR_METRICS']);
    expect(readFileSync(listen, 'utf8')).toBe('precious');
  });

  it('answers at a port of loopback, and says if it is taken', async () => {
    other = await new Promise<Server>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
    });
    const at = other.address();
    const port = typeof at === 'object' && at !== null ? at.port : 0;
    await (await openExporter({ listen: `127.0.0.1:${port}`, textfile: '' }, parts)).close();
    expect(told).toEqual(['ERR_METRICS']);
    await new Promise((resolve) => other?.close(resolve));
    exporter = await openExporter({ listen: `127.0.0.1:${port}`, textfile: '' }, parts);
    expect((await get({ port })).text).toBe('edgeban_x 1\n');
  });

  it('writes a file, and takes it away at the end', async () => {
    const textfile = join(folder, 'edgeban.prom');
    exporter = await openExporter({ listen: '', textfile }, parts);
    expect(readFileSync(textfile, 'utf8')).toBe('edgeban_x 1\n');
    await exporter.close();
    expect(existsSync(textfile)).toBe(false);
    exporter = await openExporter({ listen: '', textfile: join(folder, 'missing', 'edgeban.prom') }, parts);
    expect(told).toEqual(['ERR_METRICS']);
  });
});

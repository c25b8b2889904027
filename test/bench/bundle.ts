/** What is deployed: how large the Worker's bundle is, and how long it takes to start, as wrangler measures it in workerd. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { bundleWorker } from '../../host-agent/debian/programs.ts';

const wrangler = join(import.meta.dirname, '../../node_modules/wrangler/bin/wrangler.js');
const wanted = { gzipped_kib: 300 } as const;
/** Cloudflare's limit; well under it is a quarter. */
const start_ms_max = 1_000;

const Profile = z.object({
  nodes: z.array(z.object({ id: z.number(), callFrame: z.object({ functionName: z.string() }) })),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

/** Prints the figures; false if they are more than they may be. */
export async function measureBundle(show: (what: string, figures: string) => void): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-bundle-'));
  try {
    await bundleWorker(folder);
    const kib = gzipSync(readFileSync(join(folder, 'index.js'))).length / 1024;
    const ms = startedIn(folder);
    show('bundle', `${kib.toFixed(1)} KiB gzipped (${wanted.gzipped_kib})`);
    show('start', `${ms.toFixed(0)} ms in workerd (Cloudflare's limit: ${start_ms_max})`);
    return kib < wanted.gzipped_kib && ms < start_ms_max / 4;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From a profile of its start: the time in which it was not idle, in milliseconds. */
function startedIn(folder: string): number {
  const config = join(folder, 'wrangler.toml');
  const outfile = join(folder, 'start.cpuprofile');
  const bindings = '[[durable_objects.bindings]]\nname = "LEDGER"\nclass_name = "Ledger"\n';
  const migrations = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Ledger"]\n';
  const first = 'name = "edgeban"\nmain = "index.js"\nno_bundle = true\ncompatibility_date = "2026-11-01"\n';
  writeFileSync(config, first + bindings + migrations);
  const words = [wrangler, 'check', 'startup', `--args=--config ${config}`, '--outfile', outfile];
  const env = { PATH: process.env['PATH'], HOME: folder, CI: 'true', WRANGLER_SEND_METRICS: 'false' };
  const run = spawnSync(process.execPath, words, { cwd: folder, env, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stdout + run.stderr);
  const { nodes, samples, timeDeltas } = Profile.parse(JSON.parse(readFileSync(outfile, 'utf8')));
  const idle = nodes.find(({ callFrame }) => callFrame.functionName === '(idle)')?.id;
  return samples.reduce((sum, id, n) => sum + (id === idle ? 0 : (timeDeltas[n] ?? 0)), 0) / 1000;
}

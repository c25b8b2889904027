/** The proof on a whole host: from the operator's word through ledger, KV, list and feed into the kernel and out again; and Ctrl-C. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cloudflareAccess } from '../world/edge.ts';
import { edgeban, type Host, inKernel, program, startAgent } from '../world/host.ts';
import { until } from '../world/wait.ts';
import { inLedger, makeWorld, type World } from '../world/world.ts';

const places = ['ledger', 'KV snapshot', "Cloudflare's list", "this host's jails", "this host's kernel"];

export async function proven(): Promise<unknown> {
  const world = await makeWorld({ jails: '[sshd]\nenabled = true\nbantime = 1h\n' });
  const host = world.hostA;
  await startAgent(host);
  const file = writeOperatorFile(world, host);
  const doctor = ['edge', 'doctor', '-c', host.config, '-s', host.socket, '--operator-file', file];
  const seen = await edgeban(host, ...doctor, '--json');
  const timelines = [];
  for (const address of ['192.0.2.66', '2001:db8::66']) timelines.push(await proofOf(host, doctor, address));
  await interrupted(world, host, doctor);
  return { findings: JSON.parse(seen.stdout).findings, timelines };
}

function writeOperatorFile({ edge }: World, host: Host): string {
  const file = join(host.folder, 'operator.json');
  const content = { url: edge.url, token: edge.operatorToken, cloudflare: cloudflareAccess(edge) };
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
  return file;
}

interface Moment {
  readonly place: string;
  readonly what: string;
  readonly ms: number | null;
}

async function proofOf(host: Host, doctor: readonly string[], address: string): Promise<readonly Moment[]> {
  const ran = await edgeban(host, ...doctor, '--json', '--prove', address);
  if (ran.code !== 0) throw new Error(`exit ${ran.code}: ${ran.stdout}${ran.stderr}`);
  const { moments } = JSON.parse(ran.stdout) as { moments: readonly Moment[] };
  const missing = places.filter((place) => moments.filter((moment) => moment.place === place).length !== 2);
  if (missing.length > 0) throw new Error(`not watched: ${missing.join(', ')}`);
  return moments;
}

/** The ban is seen in the kernel, then Ctrl-C comes: it leaves nothing anywhere. */
async function interrupted(world: World, host: Host, doctor: readonly string[]): Promise<void> {
  const log = join(host.folder, 'prove.log');
  const proof = host.place.start('proof', [program('edgeban'), ...doctor, '--prove', '192.0.2.77'], log);
  await until('the proof has begun', () => proof.log().includes('ledger: banned'));
  await proof.kill('SIGINT');
  if ((await proof.ended) !== 130) throw new Error(`ended with ${await proof.ended}: ${proof.log()}`);
  if ((await inLedger(world, '192.0.2.77')) !== undefined) throw new Error('the ledger holds it still');
  await until('the kernel lets it go', async () => !(await inKernel(host, 'addr-set-edge')).includes('192.0.2.77'));
}

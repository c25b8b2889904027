/**
 * `npm run test:documents`: a newcomer with two fresh Debian servers and a Cloudflare account does what the documents say, word
 * for word. Ends with the line `N passed, N failed, N skipped`.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { close, enter, hearSignals } from '../debian/entrance.ts';
import { boot, type Machine, sh, stop, write } from '../debian/machine.ts';
import { packagesIn } from '../debian/packages.ts';
import { forPeople, type Step as Played } from '../demo/screen.ts';
import { here, type Program } from '../world/place.ts';
import { until } from '../world/wait.ts';
import { type Block, blocksOf, textOf } from './blocks.ts';
import { apiPort, given, workerHost } from './reader.ts';
import { walked } from './walked.ts';

const { values } = parseArgs({
  options: {
    packages: { type: 'string', default: fileURLToPath(new URL('../../dist', import.meta.url)) },
    /** Inside: the folder that the machines write to. */
    inside: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

const release = '13';
/** Where everybody's default route leads: there is the Cloudflare of this world. */
const cloudAddress = '192.0.2.1';
const first = { name: 'web1', v4: '192.0.2.10', v6: '2001:db8:a::10' };
const second = { name: 'web2', v4: '192.0.2.11', v6: '2001:db8:a::11' };
const certificate = '/root/certificate.pem';
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
const command_ms_max = 180_000;

interface Reader {
  readonly machine: Machine;
  readonly other: Machine;
}

/** The Worker's name in public DNS has an authority that this world trusts. */
async function startCloud(shelf: string): Promise<Program> {
  const request = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = `subjectAltName=DNS:${workerHost},IP:${cloudAddress}`;
  const files = ['-keyout', join(shelf, 'key.pem'), '-out', join(shelf, 'certificate.pem')];
  await here.must(['openssl', 'req', ...request, ...files, '-subj', '/CN=documents', '-addext', names]);
  const entry = ['nsenter', `--net=/run/netns/internet-${release}`, process.execPath];
  const main = fileURLToPath(new URL('cloud.ts', import.meta.url));
  const env = { NODE_EXTRA_CA_CERTS: join(shelf, 'certificate.pem') };
  const cloud = here.start('cloud', [...entry, main, shelf, cloudAddress], join(shelf, 'cloud.log'), env);
  await until('the cloud', () => {
    if (!cloud.isRunning) throw new Error(cloud.log());
    return cloud.log().includes('runs nothing');
  });
  return cloud;
}

/** A server as somebody has rented it: reachable by ssh, with the package in root's home and programs from npm. */
async function furnish(machine: Machine, shelf: string, edgeban: string): Promise<void> {
  copyFileSync(edgeban, join(machine.root, 'root', edgeban.split('/').at(-1) ?? ''));
  copyFileSync(join(shelf, 'certificate.pem'), join(machine.root, certificate));
  const hosts = [`127.0.0.1 localhost ${machine.seat.name}`, '::1 localhost'];
  hosts.push(`${first.v4} web1`, `${second.v4} web2`, `${cloudAddress} ${workerHost}`, '');
  await write(machine, '/etc/hosts', hosts.join('\n'));
  await write(
    machine,
    '/etc/systemd/system.conf.d/ca.conf',
    `[Manager]\nDefaultEnvironment=NODE_EXTRA_CA_CERTS=${certificate}\n`,
  );
  await write(machine, '/etc/environment', `NODE_EXTRA_CA_CERTS=${certificate}\n`);
  await sh(
    machine,
    'systemctl daemon-reexec; ln -s /opt/npm/node_modules/wrangler/bin/wrangler.js /usr/local/bin/wrangler',
  );
}

/** web1 may log in at web2. */
async function introduce({ machine, other }: Reader): Promise<void> {
  await sh(machine, 'mkdir -p -m 700 .ssh; ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519');
  await write(other, '/root/.ssh/authorized_keys', `${await sh(machine, 'cat .ssh/id_ed25519.pub')}\n`);
  await sh(machine, 'ssh -o StrictHostKeyChecking=accept-new web2 true');
}

/** Does what a block says; returns what was printed. */
async function follow({ machine }: Reader, block: Block): Promise<string> {
  switch (block.kind) {
    case 'shown':
      return '';
    case 'file':
      await write(machine, block.path, block.text);
      return `${block.path} written`;
    case 'given':
      return await give(machine, block.name);
    case 'commands':
      return block.exempt === null ? await command(machine, block) : `run by ${block.exempt}`;
  }
}

async function give(machine: Machine, name: string): Promise<string> {
  const { path, text } = given[name] ?? {};
  if (path === undefined || text === undefined)
    throw new Error(`what is "${name}"? test/documents/reader.ts knows it not`);
  await write(machine, path, text);
  await sh(machine, `chmod 600 ${path}`);
  return `given: ${name}`;
}

/** As bash would, typed by root: the first command that fails ends the block. */
async function command(machine: Machine, { text, stdin }: Block & { kind: 'commands' }): Promise<string> {
  const typed = stdin === null ? '' : given[stdin]?.text;
  if (typed === undefined) throw new Error(`what is "${stdin}"? test/documents/reader.ts knows it not`);
  await write(machine, '/root/.typed', typed);
  const env = [
    `NODE_EXTRA_CA_CERTS=${certificate}`,
    `CLOUDFLARE_API_BASE_URL=http://${cloudAddress}:${apiPort}/client/v4`,
  ];
  const words = ['env', ...env, 'bash', '-euo', 'pipefail', '-c', `exec 2>&1 </root/.typed\n${text}`];
  const ran = await machine.place.run(words, { timeout_ms: command_ms_max });
  if (ran.code === 0) return ran.stdout;
  throw new Error(`exit ${ran.code}\n${text}${ran.stdout}${ran.stderr}`);
}

/** One step a document; within it, the first block that fails ends it. */
async function walk(reader: Reader, document: string): Promise<Played> {
  const started = performance.now();
  const evidence: string[] = [];
  let ok = true;
  for (const block of blocksOf(textOf(document))) {
    try {
      evidence.push(
        ...(await follow(reader, block))
          .trimEnd()
          .split('\n')
          .filter((line) => line !== ''),
      );
    } catch (error) {
      ok = false;
      evidence.push(`${document}:${block.line}: ${String(error)}`);
      break;
    }
  }
  return { name: document, ok, took_ms: performance.now() - started, evidence };
}

async function main(): Promise<number> {
  if (values.inside === undefined) return await enter(import.meta.url, ['openssl'], [release]);
  hearSignals();
  const started = performance.now();
  const shelf = values.inside;
  const { edgeban } = packagesIn(values.packages, shelf);
  const shown = [`${modules}:/opt/npm/node_modules`];
  const [machine, other] = [await boot(release, shelf, { ...first, shown }), await boot(release, shelf, second)];
  const cloud = await startCloud(shelf);
  for (const each of [machine, other]) await furnish(each, shelf, edgeban);
  await introduce({ machine, other });
  const played: Played[] = [];
  for (const document of walked) {
    const step = await walk({ machine, other }, document);
    forPeople.end(step);
    played.push(step);
  }
  if (values.keep) await new Promise(() => undefined);
  await cloud.kill('SIGKILL');
  for (const each of [machine, other]) await stop(each);
  return close(played, started);
}

process.exit(await main());

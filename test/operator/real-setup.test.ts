/** Setup as it is lived: wrangler itself uploads to the fake Cloudflare, and what it uploaded runs in workerd. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bundleWorker } from '../../host-agent/debian/programs.ts';
import { freePort, makeRealWorker, type RealWorker } from '../edge/real-worker.ts';
import { soon } from '../world/wait.ts';
import { type Account, openAccount, zone } from './account.ts';

let account: Account;
let worker: RealWorker;

beforeAll(async () => {
  const port = await freePort();
  account = await openAccount({}, `http://127.0.0.1:${port}`);
  const folder = join(account.dir, 'workerd');
  mkdirSync(folder);
  // as Cloudflare would: vars and secrets are those that were uploaded
  const settings = () =>
    Object.fromEntries(uploaded().flatMap(({ name, text }) => (typeof text === 'string' ? [[name, text]] : [])));
  worker = await makeRealWorker(folder, { port, settings });
});

afterAll(async () => {
  await worker.kill();
  await account.close();
});

function uploaded() {
  return account.fake.control.state().scripts['edgeban']?.bindings ?? [];
}

test('sets up, enforces, changes nothing the second time, and is torn down without a trace', async () => {
  account.fake.control.seedItems({ list: 'edgeban', items: [{ ip: '198.51.100.77', comment: 'by hand' }] });
  account.fake.control.seedRules({
    zone: zone.id,
    rules: [{ ref: 'by_hand', action: 'block', expression: '(http.host eq "old")' }],
  });
  const [first] = await Promise.all([account.setup(['--adopt-list']), startWhenUploaded()]);
  expect(first).toMatchObject({ code: 0, err: '' });
  expect(first.out).toMatch(/WAF rule [0-9a-f]{32} in the zone example\.test: seen to by the Worker/);
  expect(account.fake.control.rules(zone.id).map(({ ref }) => ref)).toEqual(['edgeban', 'by_hand']);
  expect((await account.run(['ban', '203.0.113.5'])).code).toBe(0);
  const items = () => account.fake.control.items('edgeban').map(({ ip }) => ip);
  await vi.waitFor(() => expect(items()).toContain('203.0.113.5'), soon);

  account.writes();
  const second = await account.setup();
  expect(second).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed.') });
  expect(account.writes()).toEqual([]);

  // an edit is deployed over the same ledger, and as the package does it: the code in one piece
  const bundle = join(account.dir, 'bundle');
  await bundleWorker(bundle);
  const third = await account.setup(['--allow', '203.0.113.200', '--worker', join(bundle, 'index.js')]);
  expect(third.err).toBe('');
  expect(third).toMatchObject({ code: 0, out: expect.stringContaining('Worker edgeban: changed') });
  expect(account.fake.control.state().scripts['edgeban']).toMatchObject({ uploads: 2, tag: 'v1' });

  // another mode: the former one's rule and items go, and visits go through the Worker
  const gate = () => account.fake.control.state().scripts['edgeban']?.bindings.some(({ text }) => text === 'gate');
  const [fourth] = await Promise.all([account.setup(['--mode', 'gate']), restartWhen(() => gate() === true)]);
  expect(fourth).toMatchObject({ code: 0, err: '' });
  expect(account.fake.control.state().workerRoutes).toMatchObject([{ pattern: '*example.test/*', script: 'edgeban' }]);
  expect(account.fake.control.rules(zone.id).map(({ ref }) => ref)).toEqual(['by_hand']);
  expect(items()).toEqual(['198.51.100.77']);
  const { findings } = JSON.parse((await account.run(['doctor', '--json', '--root', account.dir])).out);
  expect(findings).toContainEqual(
    expect.objectContaining({ grade: 'ok', about: 'enforcement', text: expect.stringContaining('mode gate') }),
  );

  const gone = await account.run(['teardown', '--yes']);
  expect(gone).toMatchObject({ code: 0, err: '' });
  await worker.kill();
  const { scripts, namespaces, tokens, workerRoutes } = account.fake.control.state();
  expect([scripts, namespaces, tokens, workerRoutes]).toEqual([{}, [], [], []]);
  expect(items()).toEqual(['198.51.100.77']);
  expect(account.fake.control.rules(zone.id).map(({ ref }) => ref)).toEqual(['by_hand']);
  expect(readdirSync(join(account.dir, 'etc'))).toEqual([]);
}, 300_000);

/** As Cloudflare does with what is deployed. */
async function restartWhen(isDeployed: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(isDeployed()).toBe(true), soon);
  await worker.kill();
  await worker.start();
}

async function startWhenUploaded(): Promise<void> {
  await vi.waitFor(() => expect(uploaded()).not.toEqual([]), soon);
  await worker.start();
}

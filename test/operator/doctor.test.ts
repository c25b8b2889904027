/** The doctor, the proof, panic, allow and new keys: on the real Worker in workerd that enforces on the fake Cloudflare. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as nap } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { rotateKey } from '../../host-agent/edge/rotate.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import { askWorker } from '../../host-agent/operator/doctor/worker-checks.ts';
import { WorkerApi } from '../../host-agent/operator/worker-api.ts';
import { openLossyLine } from '../edge/lossy-line.ts';
import { makeRealWorker, type RealWorker } from '../edge/real-worker.ts';
import { soon } from '../world/wait.ts';
import { type Account, accountId, openAccount, secrets, zone } from './account.ts';
import type { Play } from './fake-world.ts';

let account: Account;
let worker: RealWorker;
const operatorToken = 'the-operators-own-token-0123456789';

beforeAll(async () => {
  account = await openAccount({}, 'http://127.0.0.1:1');
  const folder = join(account.dir, 'workerd');
  mkdirSync(folder);
  const vars = {
    ENFORCEMENT: 'list',
    CLOUDFLARE_API_BASE: account.base,
    CLOUDFLARE_ACCOUNT_ID: accountId,
    CLOUDFLARE_ZONE_IDS: zone.id,
    LIST_NAME: 'edgeban',
    CLOUDFLARE_API_TOKEN: secrets.runtime,
    OPERATOR_TOKEN: operatorToken,
  };
  worker = await makeRealWorker(folder, { settings: () => vars });
  await worker.start();
  const cloudflare = {
    base: account.base,
    account: accountId,
    zones: [zone],
    mode: 'list',
    list: 'edgeban',
    token: secrets.runtime,
  };
  mkdirSync(join(account.dir, 'etc'));
  writeFileSync(account.file, JSON.stringify({ url: worker.url, token: operatorToken, cloudflare }), { mode: 0o600 });
  const token = (await account.run(['token'])).out;
  const files = { settings: join(account.dir, 'edge.json'), key: join(account.dir, 'edge.key') };
  await enroll({ files, url: worker.url, token, name: 'web1', world: realWorld });
  await vi.waitFor(() => expect(account.fake.control.rules(zone.id)).toHaveLength(1), soon);
});

afterAll(async () => {
  await worker.kill();
  await account.close();
});

interface Seen {
  readonly grade: string;
  readonly about: string;
  readonly text: string;
  readonly remedy: string | null;
}

async function doctor(...words: string[]): Promise<{ code: number | null; findings: Seen[] }> {
  const run = await account.run(['doctor', '--json', '--root', account.dir, ...words]);
  for (const secret of [...Object.values(secrets), operatorToken]) expect(run.out + run.err).not.toContain(secret);
  return { code: run.code, findings: JSON.parse(run.out).findings };
}

const bad = (findings: readonly Seen[]) => findings.filter(({ grade }) => grade !== 'ok');

describe('the doctor', () => {
  afterEach(async () => {
    account.fake.control.clearFaults();
    await account.run(['resume']);
  });

  test('finds nothing amiss but that this host has no daemon', async () => {
    await account.run(['ban', '203.0.113.5']);
    await vi.waitFor(
      async () => expect(bad((await doctor()).findings).map(({ about }) => about)).toEqual(['this host']),
      soon,
    );
    const { code, findings } = await doctor();
    expect(code).toBe(2);
    expect(findings.map(({ about }) => about)).toEqual([
      // workerd sends no Date; Cloudflare does
      ...['Worker', 'ledger and KV', 'enforcement', 'alerts', 'hosts', 'drift KV', "drift Cloudflare's list", 'token'],
      ...['list', 'rule example.test', "Cloudflare's ranges", 'this host', 'web server'],
    ]);
    const screen = await account.run(['doctor', '--root', account.dir]);
    expect(screen.out).toContain('-> systemctl restart edgeban');
    expect(screen.out.split('\n').length).toBeLessThan(24);
  });

  test('waits for what is merely under way: a ban of this moment is no warning', async () => {
    const api = new WorkerApi(JSON.parse(readFileSync(account.file, 'utf8')), null);
    for (const word of ['ban', 'unban']) {
      await account.run([word, '203.0.113.6']);
      expect((await api.status()).enforcement.current).toBe(false);
      const { status } = await askWorker(api, { now: () => Date.now() / 1000, sleep: nap });
      expect(status?.enforcement.current).toBe(true);
    }
  });

  test('sees what was taken out of the list by hand', async () => {
    account.fake.control.removeItems({ list: 'edgeban', ips: ['203.0.113.5'] });
    account.fake.control.seedItems({
      list: 'edgeban',
      items: [{ ip: '203.0.113.99', comment: 'edgeban:main:forever x' }],
    });
    // while the Worker itself is at work on the list, that is what is said
    await vi.waitFor(async () => {
      const { code, findings } = await doctor();
      expect(code).toBe(2);
      expect(bad(findings)).toContainEqual(
        expect.objectContaining({
          about: "drift Cloudflare's list",
          text: '1 lacking (203.0.113.5), 1 too many (203.0.113.99)',
        }),
      );
    }, soon);
  });

  test('sees a rule that is off, one that skips before it, and none at all', async () => {
    const ruleFinding = async () => (await doctor()).findings.find(({ about }) => about === 'rule example.test');
    account.fake.control.disableRule({ zone: zone.id, ref: 'edgeban' });
    expect(await ruleFinding()).toMatchObject({
      grade: 'broken',
      remedy: expect.stringContaining('edgeban edge resume'),
    });
    account.fake.control.deleteRule({ zone: zone.id, ref: 'edgeban' });
    expect(await ruleFinding()).toMatchObject({ grade: 'broken', text: expect.stringContaining('no rule') });
    const skip = {
      ref: 'vip',
      action: 'skip',
      expression: '(http.host eq "a")',
      action_parameters: { ruleset: 'current' },
      description: 'partners',
    };
    const ours = { ref: 'edgeban', action: 'block', expression: '(ip.src in $edgeban)' };
    account.fake.control.seedRules({ zone: zone.id, rules: [skip, ours] });
    expect(await ruleFinding()).toMatchObject({ grade: 'warning', text: expect.stringContaining('partners') });
    account.fake.control.deleteRule({ zone: zone.id, ref: 'vip' });
    expect(await ruleFinding()).toMatchObject({ grade: 'ok' });
  });

  test('sees a panic', async () => {
    expect(await account.run(['panic', '--yes', '--reason', 'a test'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('through the Worker'),
    });
    await vi.waitFor(() => expect(account.fake.control.rules(zone.id)[0]?.enabled).toBe(false), soon);
    expect(bad((await doctor()).findings)).toContainEqual(
      expect.objectContaining({ about: 'panic', text: expect.stringContaining('a test') }),
    );
    expect(await account.run(['resume'])).toMatchObject({ code: 0 });
    await vi.waitFor(() => expect(account.fake.control.rules(zone.id)[0]?.enabled).toBe(true), soon);
  });

  test('sees a token that was revoked, and a Worker that does not answer', async () => {
    account.fake.control.revokeToken({ name: 'by-hand' });
    expect(bad((await doctor()).findings)).toContainEqual(
      expect.objectContaining({ about: 'token', remedy: expect.stringContaining('edgeban edge setup') }),
    );
    account.fake.control.restoreToken({ name: 'by-hand' });
    const file = join(account.dir, 'far.json');
    writeFileSync(file, readFileSync(account.file, 'utf8').replace(worker.url, 'http://127.0.0.1:1'), { mode: 0o600 });
    const run = await account.run(['doctor', '--operator-file', file]);
    expect(run).toMatchObject({ code: 2, out: expect.stringMatching(/^broken +Worker/) });
  });
});

describe('the proof', () => {
  const prove = (address: string, play: Play = {}) => account.run(['doctor', '--prove', address], play);
  const held = async () => (await account.run(['unban', '192.0.2.66'])).code === 0;

  test('bans, watches, lifts, and tells when', async () => {
    const run = await account.run(['doctor', '--prove', '192.0.2.66', '--json']);
    const { proven, moments } = JSON.parse(run.out);
    expect({ code: run.code, proven }).toEqual({ code: 0, proven: true });
    const arrived = moments
      .filter(({ ms }: { ms: number | null }) => ms !== null)
      .map(({ place, what }: Record<string, string>) => `${place} ${what}`);
    for (const place of ['ledger', 'KV snapshot', "Cloudflare's list"])
      for (const what of ['banned', 'gone']) expect(arrived).toContain(`${place} ${what}`);
    expect(await held()).toBe(false);
  });

  test.each(['8.8.8.8', '192.0.2.0/24', '127.0.0.1', 'nobody'])('%s is not banned for it', async (address) => {
    expect(await prove(address)).toMatchObject({ code: 255, err: expect.stringContaining('ERR_PROVE') });
  });

  test('what is banned already is left alone', async () => {
    await account.run(['ban', '192.0.2.67']);
    expect((await prove('192.0.2.67')).err).toContain('banned already');
    expect((await account.run(['unban', '192.0.2.67'])).code).toBe(0);
  });

  test('goes on where Cloudflare does not answer for a moment', async () => {
    const heard = (line: string) => {
      if (line.includes('watched in')) account.fake.control.fault({ kind: '503', count: 2, methods: ['GET'] });
    };
    expect(await prove('192.0.2.66', { heard })).toMatchObject({ code: 0, out: expect.stringContaining('Proven') });
  });

  test('Ctrl-C lifts the ban', async () => {
    const controller = new AbortController();
    const heard = (line: string) => {
      if (line.includes('ledger: banned')) controller.abort();
    };
    expect(await prove('192.0.2.66', { signal: controller.signal, heard })).toMatchObject({ code: 130 });
    expect(await held()).toBe(false);
  });
});

test('the allow list: added to, shown, taken from', async () => {
  await account.run(['ban', '203.0.113.40']);
  expect((await account.run(['allow', '203.0.113.40', '--note', 'office'])).out).toContain('1 ban(s) lifted');
  expect((await account.run(['allow'])).out).toBe('203.0.113.40  office');
  expect((await account.run(['ban', '203.0.113.40'])).err).toContain('ERR_GUARD_ALLOWED');
  expect((await account.run(['allow', '203.0.113.40', '--remove'])).code).toBe(0);
  expect((await account.run(['allow'])).out).toContain('Nothing');
});

test.each([
  [3, 'ok'],
  [40, 'warning'],
  [-300, 'broken'],
])('a clock that is %d s off: %s', async (off, grade) => {
  const plain = await openAccount();
  try {
    await plain.setup();
    const api = new WorkerApi(JSON.parse(readFileSync(plain.file, 'utf8')), null);
    const { findings } = await askWorker(api, { now: () => Date.now() / 1000 + off, sleep: nap });
    expect(findings.find(({ about }) => about === 'clock')).toMatchObject({ grade });
  } finally {
    await plain.close();
  }
});

describe('a new key', () => {
  const play = () => ({ dir: account.dir });
  const key = () => readFileSync(join(account.dir, 'edge.key'), 'utf8');

  test('takes the place of the old one, which is refused from then on', async () => {
    const before = key();
    expect(await account.run(['rotate'], play())).toMatchObject({
      code: 0,
      out: expect.stringContaining('restart the server'),
    });
    expect(key()).not.toBe(before);
    const folder = mkdtempSync(join(tmpdir(), 'edgeban-old-key-'));
    const files = { settings: join(folder, 'edge.json'), key: join(folder, 'edge.key') };
    const settings = JSON.parse(readFileSync(join(account.dir, 'edge.json'), 'utf8'));
    writeFileSync(files.settings, JSON.stringify({ ...settings, key: files.key }), { mode: 0o600 });
    writeFileSync(files.key, before, { mode: 0o600 });
    await expect(rotateKey(files, realWorld)).rejects.toMatchObject({ problem: 'ERR_AUTH_SIGNATURE' });
    rmSync(folder, { recursive: true });
  });

  test('whose answer was lost is found on the disk, and the host is not locked out', async () => {
    const before = key();
    const settings = join(account.dir, 'edge.json');
    const told = readFileSync(settings, 'utf8');
    const line = await openLossyLine(worker.url);
    writeFileSync(settings, told.replace(worker.url, line.url));
    await expect(rotateKey({ settings, key: '' }, realWorld)).rejects.toMatchObject({ code: 'ERR_EDGE_UNREACHABLE' });
    expect(line.answers).toEqual([200]);
    await line.close();
    writeFileSync(settings, told);
    expect(key()).toBe(before);
    expect(await account.run(['rotate'], play())).toMatchObject({ code: 0 });
    expect(key()).not.toBe(before);
    expect(await account.run(['rotate'], play())).toMatchObject({ code: 0 });
  });
});

test('a list that is gone is named, though the change of a rule that is tried is refused for it', async () => {
  account.fake.control.loseList({ name: 'edgeban' });
  const { findings } = await doctor();
  expect(bad(findings)).toContainEqual(expect.objectContaining({ about: 'list', text: 'there is no list edgeban' }));
  expect(bad(findings)).toContainEqual(expect.objectContaining({ about: 'token', grade: 'warning' }));
});

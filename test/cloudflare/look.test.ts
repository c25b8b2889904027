/** A look at Cloudflare for one address sees what is there, whoever made it, and nothing else. */
import { afterEach, expect, it } from 'vitest';
import type { Fetch } from '../../worker/cloudflare/contract.ts';
import { lookFor } from '../../worker/cloudflare/look.ts';
import { calls_per_step_max } from '../../worker/cloudflare/run.ts';
import { openAccount, openZones } from './access-scene.ts';
import { account, listName, openScene, type Scene, secret, want, zoneIds } from './scene.ts';

let scene: Scene;
afterEach(() => scene.close());

const look = (
  mode: { mode: 'list' } | { mode: 'access-rules'; zoneIds: readonly string[] | null },
  address: string,
) => {
  const common = { apiBase: scene.base, accountId: account, token: secret };
  const settings = mode.mode === 'list' ? { ...common, ...mode, zoneIds, listName } : { ...common, ...mode };
  return lookFor(settings, [address], (url, init) => fetch(url, init));
};

it('finds an item of the list, and not one whose address begins alike', async () => {
  scene = await openScene();
  const missing = zoneIds.map((zone) => ({
    where: `rule edgeban of zone ${zone}`,
    said: 'there is none',
    inForce: false,
  }));
  expect(await look({ mode: 'list' }, '203.0.113.7')).toEqual({ found: [], rules: missing, unasked: 0 });
  await scene.settle([want('203.0.113.7', 1_800_003_600), want('203.0.113.77'), want('2001:db8::7')]);
  const said = 'block if (ip.src in $edgeban)';
  expect(await look({ mode: 'list' }, '203.0.113.7')).toEqual({
    found: [{ where: 'list edgeban', said: 'edgeban:main:1800003600 sshd on web1' }],
    rules: zoneIds.map((zone) => ({ where: `rule edgeban of zone ${zone}`, said, inForce: true })),
    unasked: 0,
  });
  expect((await look({ mode: 'list' }, '2001:db8::7')).found.length).toBe(1);
  expect((await look({ mode: 'list' }, '203.0.113.70')).found).toEqual([]);
});

it('finds access rules, of the account or of each zone', async () => {
  scene = await openAccount();
  await scene.settle([want('203.0.113.7')]);
  const { found } = await look({ mode: 'access-rules', zoneIds: null }, '203.0.113.7');
  expect(found[0]?.said).toMatch(/^block: edgeban:main:forever /);
  await scene.close();
  scene = await openZones();
  await scene.settle([want('203.0.113.7')]);
  expect((await look({ mode: 'access-rules', zoneIds }, '203.0.113.7')).found.length).toBe(zoneIds.length);
});

it('asks no more than one invocation may, and tells how many zones that leaves', async () => {
  scene = await openScene();
  await scene.settle([want('203.0.113.7'), want('203.0.113.0/24')]);
  const many = Array.from({ length: 60 }, (_, at) => at.toString(16).padStart(32, '0'));
  const common = { apiBase: scene.base, accountId: account, token: secret, zoneIds: many };
  for (const settings of [
    { ...common, mode: 'list', listName } as const,
    { ...common, mode: 'access-rules' } as const,
  ]) {
    let calls = 0;
    const counted: Fetch = (url, init) => {
      calls += 1;
      return fetch(url.replace(/zones\/0{30}../, `zones/${zoneIds[0]}`), init);
    };
    const { found, rules, unasked } = await lookFor(settings, ['203.0.113.7', '203.0.113.0/24'], counted);
    expect(calls).toBeLessThanOrEqual(calls_per_step_max);
    expect(calls).toBeGreaterThan(calls_per_step_max - 3);
    if (settings.mode === 'list')
      expect({ found: found.length, seen: rules.length + unasked }).toEqual({ found: 2, seen: 60 });
    else expect(unasked).toBe(60 - calls_per_step_max / 2);
  }
});

it('says what keeps it from seeing, without the token', async () => {
  scene = await openScene();
  const settings = {
    mode: 'list',
    apiBase: scene.base,
    accountId: account,
    token: `${secret}x`,
    zoneIds,
    listName,
  } as const;
  const asked = lookFor(settings, ['203.0.113.7'], (url, init) => fetch(url, init));
  await expect(asked).rejects.toThrow(/GET/);
  await expect(asked).rejects.not.toThrow(secret);
});

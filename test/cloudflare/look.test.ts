/** A look at Cloudflare for one address sees what is there, whoever made it, and nothing else. */
import { afterEach, expect, it } from 'vitest';
import { lookFor } from '../../worker/cloudflare/look.ts';
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
  expect(await look({ mode: 'list' }, '203.0.113.7')).toEqual({ found: [], rules: missing });
  await scene.settle([want('203.0.113.7', 1_800_003_600), want('203.0.113.77'), want('2001:db8::7')]);
  const said = 'block if (ip.src in $edgeban)';
  expect(await look({ mode: 'list' }, '203.0.113.7')).toEqual({
    found: [{ where: 'list edgeban', said: 'edgeban:main:1800003600 sshd on web1' }],
    rules: zoneIds.map((zone) => ({ where: `rule edgeban of zone ${zone}`, said, inForce: true })),
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

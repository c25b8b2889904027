/** Cloudflare's ranges: what the ledger takes from `GET /ips`, and what it does not believe. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatPrefix } from '../../shared/address.ts';
import { cloudflareRanges } from '../../shared/engine/guard.ts';
import { listActs } from '../../worker/ledger/acts.ts';
import type { Chore } from '../../worker/ledger/chores.ts';
import { rangesChore, toldRanges, viewRanges } from '../../worker/ledger/ranges.ts';
import { prepareTables } from '../../worker/ledger/schema.ts';
import { openScene, type Scene, secret } from './scene.ts';

let scene: Scene;
let chore: Chore;
let changes = 0;

beforeEach(async () => {
  scene = await openScene();
  prepareTables(scene.sql, 'l', scene.clock.now);
  changes = 0;
  const api = { apiBase: scene.base, token: secret, fetch: scene.line.fetch };
  chore = rangesChore(scene.sql, api, () => (changes += 1));
});
afterEach(() => scene.close());

async function look(): Promise<string[]> {
  scene.clock.now = Math.max(scene.clock.now, chore.due());
  await chore.run(scene.clock.now);
  return toldRanges(scene.sql).map(formatPrefix);
}

const own4 = cloudflareRanges.filter((range) => !range.includes(':'));
const own6 = cloudflareRanges.filter((range) => range.includes(':'));

describe('Cloudflare’s ranges', () => {
  it('are asked for at once, then once a day, and sooner after a failure', async () => {
    expect(chore.due()).toBeLessThan(scene.clock.now);
    expect(await look()).toHaveLength(22);
    const { now } = scene.clock;
    expect(chore.due()).toBe(now + 86_400);
    expect(viewRanges(scene.sql)).toEqual({ known: 22, at: now, error: null });
    scene.fake.control.fault({ kind: '500', count: 1 });
    expect(await look()).toHaveLength(22);
    expect(chore.due()).toBe(now + 86_400 + 3_600);
    expect(viewRanges(scene.sql)).toMatchObject({ known: 22, at: now, error: expect.stringContaining('/ips') });
  });

  it('that are new are guarded beside the known ones, and told', async () => {
    await look();
    scene.fake.control.setRanges({ ipv4_cidrs: [...own4, '203.0.112.0/22'], ipv6_cidrs: own6 });
    expect(await look()).toContain('203.0.112.0/22');
    expect(listActs(scene.sql, 0, 10).acts).toMatchObject([
      { who: 'ledger', what: 'ranges', about: 'new: 203.0.112.0/22' },
    ]);
    expect(changes).toBe(2);
  });

  it.each([
    ['fewer', own4.slice(1), own6, '173.245.48.0/20 is not among them'],
    ['none', [], [], '173.245.48.0/20 is not among them'],
    ['the world', [...own4, '0.0.0.0/0'], own6, '0.0.0.0/0 is wider than any of theirs'],
    ['half of IPv6', own4, [...own6, '2000::/4'], '2000::/4 is wider than any of theirs'],
    ['no networks', [...own4, 'cloudflare'], own6, 'not all of them are networks'],
    [
      'too many',
      [...own4, ...Array.from({ length: 90 }, (_, n) => `203.0.${n}.0/24`)],
      own6,
      '112 ranges, more than 100',
    ],
  ])('are not believed: %s', async (_what, ipv4_cidrs, ipv6_cidrs, why) => {
    scene.fake.control.setRanges({ ipv4_cidrs, ipv6_cidrs });
    expect(await look()).toEqual([]);
    expect(viewRanges(scene.sql)).toEqual({ known: 22, at: null, error: `refused: ${why}` });
    await look();
    expect(listActs(scene.sql, 0, 10).acts).toMatchObject([{ what: 'ranges', about: `refused: ${why}` }]);
  });
});

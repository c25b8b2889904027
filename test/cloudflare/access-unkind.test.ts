/** The mode `access-rules` where Cloudflare is unkind: its limits, a full account, a bad token, spoiled requests. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccount, ruled, statusOf, steps } from './access-scene.ts';
import { addresses, type Scene, want, wantMany } from './scene.ts';

let scene: Scene;

beforeEach(async () => {
  scene = await openAccount();
});
afterEach(() => scene.close());

describe('the account', () => {
  it('is never asked more often than it allows, and bans come in the end', async () => {
    const wanted = wantMany(1_200);
    // alarms are late: what has come back to the budget meanwhile is spent at once
    const late = () => {
      scene.clock.now += 5;
    };
    for (let n = 0; n < 300 && ruled(scene).length < wanted.length; n++, late()) await scene.step(wanted);
    expect(ruled(scene)).toHaveLength(1_200);
    const at = scene.fake.control.journal().map(({ at_ms }) => at_ms / 1000);
    const most = Math.max(...at.map((from) => at.filter((each) => each >= from && each < from + 300).length));
    expect(most).toBeLessThanOrEqual(910);
    expect(scene.fake.control.journal().filter((seen) => seen.status === 429)).toEqual([]);
  });

  it('that is full keeps the most important, and says what was refused', async () => {
    await scene.close();
    scene = await openAccount({ limits: { access_rules_max: 3 } });
    await steps(scene, 4, wantMany(5));
    expect(ruled(scene)).toEqual(addresses(wantMany(3)));
    expect(statusOf(scene).refused.addresses).toEqual(['45.0.0.3', '45.0.0.4']);
  });

  it('that refuses the token is waited for', async () => {
    scene.fake.control.revokeToken({ name: 'worker' });
    await steps(scene, 2);
    expect(statusOf(scene).error?.code).toBe('ERR_CLOUDFLARE_AUTH');
    scene.fake.control.restoreToken({ name: 'worker' });
    await scene.settle([want('203.0.113.9')], 1_300);
    expect(ruled(scene)).toEqual(['203.0.113.9']);
  });
});

describe('a spoiled request', () => {
  const kinds = ['429', '500', '503', 'html-429', 'false-200', 'cut-before', 'cut-after'] as const;
  const places = [1, 2, 3, 5, 8];
  it.each(kinds)('heals after %s', async (kind) => {
    for (const count of places) {
      const wanted = wantMany(4, count);
      scene.fake.control.fault({ kind, count, methods: count % 2 === 0 ? ['POST', 'DELETE'] : [] });
      await scene.settle(wanted, 3600);
      scene.fake.control.clearFaults();
      await scene.settle(wanted, 3600);
      expect(ruled(scene)).toEqual(addresses(wanted));
    }
  });
});

/** kill -9 at every call to Cloudflare in the mode `access-rules`: whatever was done, the next enforcement heals it. */
import { afterEach, describe, expect, it } from 'vitest';
import { openAccount, openZones, others, ruled } from './access-scene.ts';
import { dieAt, live, type Moment } from './death.ts';
import { account, addresses, type Scene, want, wantMany, zoneIds } from './scene.ts';

const theirs = { target: 'ip', value: '192.0.2.1', mode: 'whitelist', notes: 'by hand' } as const;
const end = 1_800_090_000;
const story = [
  [...wantMany(3), want('192.0.2.1'), want('198.51.100.0/31'), want('203.0.113.1', end)],
  [...wantMany(2), want('192.0.2.1'), want('203.0.113.1', end + 60)],
  [...wantMany(2, 20), want('203.0.113.1', end + 60)],
];
const last = story.at(-1) ?? [];
let scene: Scene | null = null;

afterEach(() => scene?.close());

function marksIn(on: Scene, scope: string): string[] {
  return on.fake.control
    .accessRules(scope)
    .map(({ notes }) => notes.split(' ')[0] ?? '')
    .sort();
}

const marks = ['edgeban:main:forever', 'edgeban:main:forever', `edgeban:main:${end + 60}`].sort();

describe.each<Moment>(['before it is sent', 'after it was done'])('a death at a call, %s', (moment) => {
  it('leaves nothing that does not heal in the account', async () => {
    let at = 0;
    for (let died = true; died; ) {
      at += 1;
      const on = await openAccount();
      scene = on;
      on.fake.control.seedAccessRules({ rules: [theirs] });
      died = await live(on, story, at, moment);
      expect(ruled(on), `death at call ${at}`).toEqual(addresses(last));
      expect(others(on)).toEqual(['whitelist 192.0.2.1 by hand']);
      expect(marksIn(on, account)).toEqual(['by', ...marks].sort());
      await on.close();
      scene = null;
    }
    expect(at).toBeGreaterThan(15);
  });

  it('leaves nothing that does not heal in the zones', async () => {
    let at = 0;
    for (let died = true; died; ) {
      at += 1;
      const on = await openZones();
      scene = on;
      on.fake.control.seedAccessRules({ zone: zoneIds[1], rules: [theirs] });
      died = await live(on, story, at, moment);
      expect(zoneIds.map((zone) => ruled(on, zone))).toEqual([addresses(last), addresses(last)]);
      expect(zoneIds.flatMap((zone) => others(on, zone))).toEqual(['whitelist 192.0.2.1 by hand']);
      await on.close();
      scene = null;
    }
    expect(at).toBeGreaterThan(25);
  });
});

describe('a rule that nobody remembers', () => {
  async function expectLifted(on: Scene): Promise<void> {
    const until = on.clock.now + 200;
    while (on.clock.now < until) await on.step([]);
    expect(ruled(on)).toEqual([]);
    expect(on.enforcement.status(on.clock.now).inStep).toBe(true);
  }

  it('is taken away soon when its ban was lifted during a death', async () => {
    const on = await openAccount();
    scene = on;
    await on.settle([]);
    const death = dieAt(on, 1, 'after it was done', 'POST');
    expect(await Promise.race([on.step(wantMany(1)), death])).toBe('dead');
    expect(ruled(on)).toHaveLength(1);
    on.restart();
    await expectLifted(on);
  });

  it('is taken away soon when its ban was lifted while the line was down', async () => {
    const on = await openAccount();
    scene = on;
    await on.settle([]);
    on.fake.control.fault({ kind: 'cut-after', methods: ['POST'] });
    await on.step(wantMany(1));
    expect(ruled(on)).toHaveLength(1);
    await expectLifted(on);
  });
});

/** kill -9 at every call to Cloudflare in the mode `list`, before it is sent and after it was done: the next enforcement heals it. */
import { afterEach, describe, expect, it } from 'vitest';
import { dieAt, live, type Moment } from './death.ts';
import { addresses, listed, listName, openScene, ruleRefs, type Scene, wantMany, zoneIds } from './scene.ts';

const first = wantMany(3);
const second = [...wantMany(2), ...wantMany(2, 20)];
let scene: Scene | null = null;

afterEach(() => scene?.close());

function expectRight(on: Scene): void {
  expect(listed(on)).toEqual({ ours: addresses(second), foreign: ['192.0.2.1'] });
  expect(zoneIds.map((zone) => ruleRefs(on, zone))).toEqual([['edgeban', 'theirs'], ['edgeban']]);
}

describe.each<Moment>(['before it is sent', 'after it was done'])('a death at a call, %s', (moment) => {
  it('leaves nothing that does not heal', async () => {
    let at = 0;
    for (let died = true; died; ) {
      at += 1;
      const on = await openScene();
      scene = on;
      const rules = [{ action: 'skip', expression: '(http.host eq "a")', ref: 'theirs' }];
      on.fake.control.seedRules({ zone: zoneIds[0], rules });
      on.fake.control.seedItems({ list: listName, items: [{ ip: '192.0.2.1', comment: 'by hand' }] });
      died = await live(on, [first, second], at, moment);
      expectRight(on);
      await on.close();
      scene = null;
    }
    expect(at).toBeGreaterThan(12);
  });
});

describe('a death while the list is made', () => {
  it('makes no second one', async () => {
    for (const at of [1, 2, 3]) {
      const on = await openScene();
      scene = on;
      await live(on, [first, second], at, 'after it was done');
      expect(on.fake.control.state().lists).toHaveLength(1);
      expect(listed(on).ours).toEqual(addresses(second));
      await on.close();
      scene = null;
    }
  });
});

describe.each([300, 4_000, 25_000])('a ban whose append nobody remembers, done after %i ms', (operation_ms) => {
  async function expectLifted(on: Scene): Promise<void> {
    const end = on.clock.now + 200;
    while (on.clock.now < end) await on.step([]);
    expect(listed(on).ours).toEqual([]);
    expect(on.enforcement.status(on.clock.now).inStep).toBe(true);
  }

  it('is lifted soon when it was lifted during a death', async () => {
    const on = await openScene({ operation_ms });
    scene = on;
    await on.settle([]);
    const death = dieAt(on, 1, 'after it was done', 'POST');
    expect(await Promise.race([on.step(wantMany(1)), death])).toBe('dead');
    on.restart();
    await expectLifted(on);
  });

  it('is lifted soon when it was lifted while the line was down', async () => {
    const on = await openScene({ operation_ms });
    scene = on;
    await on.settle([]);
    on.fake.control.fault({ kind: 'cut-after', methods: ['POST'] });
    await on.step(wantMany(1));
    await expectLifted(on);
  });
});

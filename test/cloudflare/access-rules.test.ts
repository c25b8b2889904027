/** The mode `access-rules` against the fake Cloudflare: own rules, those of others, widths, former settings. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccount, openZones, others, ruled, statusOf, steps } from './access-scene.ts';
import { account, addresses, asked, openScene, type Scene, want, wantMany, zoneIds } from './scene.ts';

const theirs = { target: 'ip', value: '203.0.113.9' } as const;
let scene: Scene;

beforeEach(async () => {
  scene = await openAccount();
});
afterEach(() => scene.close());

describe('rules of the account', () => {
  it('are made with owner and end in their notes, and taken away', async () => {
    const wanted = [want('203.0.113.7', 1_800_003_600), want('2001:db8::1'), want('198.51.100.0/24')];
    await scene.settle(wanted);
    expect(ruled(scene)).toEqual(addresses(wanted));
    const rule = scene.fake.control
      .accessRules(account)
      .find(({ configuration }) => configuration.value === '203.0.113.7');
    expect(rule).toMatchObject({ mode: 'block', notes: 'edgeban:main:1800003600 sshd on web1' });
    await scene.settle([want('203.0.113.7', 1_800_003_600)]);
    expect(ruled(scene)).toEqual(['203.0.113.7']);
    await scene.settle([]);
    expect(ruled(scene)).toEqual([]);
    expect(statusOf(scene)).toMatchObject({ mode: 'access-rules', wanted: 0, error: null });
  });

  it('are left alone where nothing has changed', async () => {
    await scene.settle(wantMany(5));
    const before = asked(scene).length;
    scene.clock.now += 601;
    await scene.settle(wantMany(5));
    expect(asked(scene).slice(before)).toEqual([`GET /accounts/${account}/firewall/access_rules/rules`]);
  });

  it('are put right when somebody takes one away by hand', async () => {
    await scene.settle(wantMany(3));
    scene.fake.control.removeAccessRules({ values: ['45.0.0.1'] });
    scene.clock.now += 601;
    await scene.settle(wantMany(3));
    expect(ruled(scene)).toEqual(addresses(wantMany(3)));
  });

  it('end without being told', async () => {
    const wanted = [want('203.0.113.7', scene.clock.now + 60), want('203.0.113.8')];
    await scene.settle(wanted);
    while (scene.clock.now <= 1_800_000_061) await scene.step(wanted);
    await scene.settle(wanted);
    expect(ruled(scene)).toEqual(['203.0.113.8']);
  });

  it('get the new end of a ban into their notes', async () => {
    const notes = () => scene.fake.control.accessRules(account).map((rule) => rule.notes.split(' ')[0]);
    await scene.settle([want('203.0.113.7', 1_800_036_000)]);
    await scene.settle([want('203.0.113.7', 1_800_036_005)]);
    expect(notes()).toEqual(['edgeban:main:1800036005']);
    await scene.settle([want('203.0.113.7')]);
    expect(notes()).toEqual(['edgeban:main:forever']);
  });

  it('are known again however Cloudflare spells them', async () => {
    scene.fake.control.set({ v6: 'long' });
    const wanted = [want('2001:db8::1'), want('2001:db8:1::/48')];
    await scene.settle(wanted);
    expect(scene.fake.control.accessRules(account)[0]?.configuration.value).toMatch(/^2001:0db8:0000/);
    scene.clock.now += 601;
    const before = asked(scene).length;
    await scene.settle(wanted);
    expect(
      asked(scene)
        .slice(before)
        .filter((line) => !line.startsWith('GET')),
    ).toEqual([]);
  });

  it('are found again by a ledger that has lost everything', async () => {
    await scene.settle(wantMany(3));
    scene.sql.script('DELETE FROM cf_access; DELETE FROM cf_page');
    scene.restart();
    const before = asked(scene).length;
    await scene.settle(wantMany(2));
    expect(ruled(scene)).toEqual(addresses(wantMany(2)));
    expect(
      asked(scene)
        .slice(before)
        .filter((line) => line.startsWith('POST')),
    ).toEqual([]);
  });

  it('are read page by page, smaller ones if Cloudflare refuses', async () => {
    await scene.close();
    scene = await openAccount({ limits: { access_rules_page_max: 50 } });
    await scene.settle(wantMany(170));
    scene.clock.now += 601;
    await scene.settle(wantMany(120));
    expect(ruled(scene)).toEqual(addresses(wantMany(120)));
  });
});

describe('rules of others', () => {
  it.each(['whitelist', 'managed_challenge', 'block'] as const)('of mode %s stay, and are told', async (mode) => {
    scene.fake.control.seedAccessRules({ rules: [{ ...theirs, mode, notes: 'by hand' }] });
    await scene.settle([want('203.0.113.9'), want('203.0.113.10')]);
    expect(statusOf(scene).foreign).toEqual({ count: 1, addresses: ['203.0.113.9'] });
    await scene.settle([]);
    expect(others(scene)).toEqual([`${mode} 203.0.113.9 by hand`]);
    expect(ruled(scene)).toEqual([]);
  });

  it('of another mode are not ours, even with our mark', async () => {
    await scene.settle([want('203.0.113.9')]);
    scene.fake.control.editAccessRule({ value: '203.0.113.9', mode: 'whitelist' });
    scene.clock.now += 40;
    await scene.settle([]);
    expect(others(scene)).toEqual(['whitelist 203.0.113.9 edgeban:main:forever sshd on web1']);
  });

  it('of another instance, or that only name us, stay', async () => {
    const rules = [
      { ...theirs, notes: 'edgeban:other:forever sshd' },
      { target: 'ip' as const, value: '203.0.113.10', notes: 'see edgeban:main: for more' },
      { target: 'country' as const, value: 'TX', notes: 'edgeban:main:forever' },
    ];
    scene.fake.control.seedAccessRules({ rules });
    await scene.settle([want('203.0.113.11')]);
    await scene.settle([]);
    expect(scene.fake.control.accessRules(account)).toHaveLength(3);
  });

  it('are asked about again after an hour', async () => {
    scene.fake.control.seedAccessRules({ rules: [{ ...theirs, notes: 'by hand' }] });
    await scene.settle([want('203.0.113.9')]);
    scene.fake.control.removeAccessRules({ values: ['203.0.113.9'] });
    const posts = () => asked(scene).filter((line) => line.startsWith('POST')).length;
    const before = posts();
    await steps(scene, 3);
    expect(posts()).toBe(before);
    scene.clock.now += 3600;
    await steps(scene, 3);
    expect(ruled(scene)).toEqual(['203.0.113.9']);
  });

  it('are not paged through, however many they are', async () => {
    const rules = wantMany(3_000).map(({ address: value }) => ({
      target: 'ip' as const,
      value,
      notes: 'Fail2Ban sshd',
    }));
    scene.fake.control.seedAccessRules({ rules });
    await scene.settle([want('203.0.113.7')]);
    expect(asked(scene).length).toBeLessThan(4);
  });
});

describe('widths', () => {
  it('that rules do not take are split, or refused and told', async () => {
    const wanted = [
      want('198.51.100.64/30'),
      want('198.18.0.0/22'),
      want('2001:db8:0:4000::/63'),
      want('198.0.0.0/15'),
    ];
    await scene.settle([...wanted, want('2001:db8:8000::/33'), want('2001:db8:1::/100')]);
    expect(ruled(scene)).toEqual(
      [
        ...['198.51.100.64', '198.51.100.65', '198.51.100.66', '198.51.100.67'],
        ...['198.18.0.0/24', '198.18.1.0/24', '198.18.2.0/24', '198.18.3.0/24'],
        ...['2001:db8:0:4000::/64', '2001:db8:0:4001::/64', '198.0.0.0/16', '198.1.0.0/16'],
      ].sort(),
    );
    expect(statusOf(scene).unfit).toEqual({ count: 2, addresses: ['2001:db8:8000::/33', '2001:db8:1::/100'] });
    await scene.settle([]);
    expect(ruled(scene)).toEqual([]);
  });

  it('that overlap keep the piece as long as one of them needs it', async () => {
    await scene.settle([want('198.51.100.0/23'), want('198.51.100.0/24')]);
    await scene.settle([want('198.51.100.0/24')]);
    expect(ruled(scene)).toEqual(['198.51.100.0/24']);
  });
});

describe('rules of former settings', () => {
  it.each([
    ['the account', null, [zoneIds[1]]],
    ['a zone', zoneIds, [zoneIds[1]]],
    ['all zones', zoneIds, null],
  ] as const)('of %s are taken away, and the new ones made', async (_, before, after) => {
    await scene.close();
    scene = await openScene({}, { mode: 'access-rules', zoneIds: before });
    const wanted = wantMany(3);
    await scene.settle(wanted);
    scene.restart({ mode: 'access-rules', zoneIds: after });
    await scene.settle(wanted);
    const places = [account, ...zoneIds];
    const expected = places.map((place) => ((after ?? [account]).some((id) => id === place) ? addresses(wanted) : []));
    expect(places.map((place) => ruled(scene, place))).toEqual(expected);
    expect(statusOf(scene)).toMatchObject({ scopes: (after ?? [account]).map((id) => ({ id })) });
  });

  it('that are gone with their zone are forgotten', async () => {
    await scene.close();
    scene = await openZones();
    await scene.settle(wantMany(1));
    scene.line.fetch = (url, init) => fetch(url.replace(`/zones/${zoneIds[0]}/`, `/zones/${'9'.repeat(32)}/`), init);
    scene.restart({ mode: 'access-rules', zoneIds: [zoneIds[1]] });
    scene.clock.now += 601;
    await scene.settle(wantMany(2));
    expect(statusOf(scene)).toMatchObject({ scopes: [{ id: zoneIds[1] }] });
  });
});

describe('rules of zones', () => {
  it('are made in each, beside those of the account', async () => {
    await scene.close();
    scene = await openZones();
    scene.fake.control.seedAccessRules({ rules: [{ ...theirs, notes: 'edgeban:main:forever of the account' }] });
    await scene.settle([want('203.0.113.9')]);
    expect(zoneIds.map((zone) => ruled(scene, zone))).toEqual([['203.0.113.9'], ['203.0.113.9']]);
    await scene.settle([]);
    expect(zoneIds.map((zone) => ruled(scene, zone))).toEqual([[], []]);
    expect(ruled(scene)).toEqual(['203.0.113.9']);
  });

  it('wait for no other zone', async () => {
    await scene.close();
    scene = await openZones();
    scene.line.fetch = (url, init) => fetch(url.replace(`/zones/${zoneIds[0]}/`, `/zones/${'9'.repeat(32)}/`), init);
    await steps(scene, 3);
    expect(ruled(scene, zoneIds[1])).toEqual(['203.0.113.9']);
    expect(statusOf(scene)).toMatchObject({ inStep: false, error: { code: 'ERR_CLOUDFLARE_GONE' } });
    scene.line.fetch = (url, init) => fetch(url, init);
    await scene.settle([want('203.0.113.9')]);
    expect(ruled(scene, zoneIds[0])).toEqual(['203.0.113.9']);
  });
});

describe('notes', () => {
  it('that Cloudflare does not let us change hold up nothing', async () => {
    await scene.settle([want('203.0.113.7', 1_800_036_000)]);
    scene.line.fetch = async (url, init) => {
      if (init.method !== 'PATCH') return fetch(url, init);
      const errors = [{ code: 10014, message: 'mode is required' }];
      return new Response(JSON.stringify({ success: false, errors, messages: [], result: null }), { status: 400 });
    };
    await scene.settle([want('203.0.113.7')]);
    expect(statusOf(scene)).toMatchObject({ inStep: true, error: null });
    await scene.settle([]);
    expect(ruled(scene)).toEqual([]);
  });
});

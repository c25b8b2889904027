/** The snapshot's binary form: what goes in comes out, by lookup and as a list. */
import { describe, expect, it } from 'vitest';
import { parsePrefix } from '../../shared/address.ts';
import { laterOf, type Until } from '../../shared/time.ts';
import { BanList, encodeBanList, type ListedBan } from '../../worker/ban-list.ts';

const now = 1_800_000_000;

function open(bans: readonly ListedBan[]): BanList {
  const list = BanList.open(encodeBanList(bans, 7, now).slice().buffer);
  if (list === null) throw new Error('not a list');
  return list;
}

function look(list: BanList, address: string, at = now): Until | undefined {
  const prefix = parsePrefix(address);
  if (prefix === null) throw new Error(address);
  return list.lookup(prefix, at);
}

describe('a ban list', () => {
  it('finds addresses and networks of both families', () => {
    const list = open([
      { address: '203.0.113.7', until: now + 60 },
      { address: '198.51.100.0/24', until: null },
      { address: '2001:db8::1', until: now + 0.5 },
      { address: '2001:db8:1::/48', until: null },
      { address: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', until: null },
    ]);
    expect([list.count, list.revision, list.writtenAt]).toEqual([5, 7, now]);
    expect(look(list, '203.0.113.7')).toBe(now + 60);
    expect(look(list, '198.51.100.255')).toBeNull();
    expect(look(list, '198.51.100.0/24')).toBeNull();
    expect(look(list, '2001:db8::1')).toBe(now + 1);
    expect(look(list, '2001:db8:1:ffff::9')).toBeNull();
    expect(look(list, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')).toBeNull();
    for (const free of [
      '203.0.113.6',
      '203.0.113.8',
      '198.51.101.0',
      '198.51.100.0/23',
      '2001:db8::',
      '2001:db8:2::',
      '::',
    ])
      expect(look(list, free)).toBeUndefined();
  });

  it('holds no ban beyond its end', () => {
    const list = open([{ address: '203.0.113.7', until: now + 60 }]);
    expect(look(list, '203.0.113.7', now + 59)).toBe(now + 60);
    expect(look(list, '203.0.113.7', now + 60)).toBeUndefined();
    expect(list.bans(now + 60, 10)).toEqual([]);
  });

  it('gives each address of nested networks the latest end around it', () => {
    const list = open([
      { address: '203.0.113.0/24', until: now + 100 },
      { address: '203.0.113.128/25', until: now + 50 },
      { address: '203.0.113.200', until: null },
      { address: '203.0.113.0', until: now + 200 },
      { address: '203.0.113.255', until: now + 300 },
    ]);
    expect(look(list, '203.0.113.0')).toBe(now + 200);
    expect(look(list, '203.0.113.1')).toBe(now + 100);
    expect(look(list, '203.0.113.129')).toBe(now + 100);
    expect(look(list, '203.0.113.200')).toBeNull();
    expect(look(list, '203.0.113.201')).toBe(now + 100);
    expect(look(list, '203.0.113.255')).toBe(now + 300);
    expect(look(list, '203.0.114.0')).toBeUndefined();
  });

  it('agrees with a scan of all bans, whatever they are', () => {
    let seed = 42;
    const random = (n: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * n);
    };
    for (let round = 0; round < 200; round++) {
      const bans = Array.from({ length: 1 + random(12) }, () => {
        const bits = 26 + random(7);
        const prefix = parsePrefix(`192.0.2.${random(256)}/${bits}`);
        const address = prefix === null ? '' : `192.0.2.${Number(prefix.first & 255n)}/${bits}`;
        return { address, until: random(4) === 0 ? null : now + 1 + random(5) };
      });
      const list = open(bans);
      const listed = new Set(list.bans(now, 1_000).map(({ address }) => address));
      const found = Array.from({ length: 256 }, (_, last) => look(list, `192.0.2.${last}`));
      const expected = found.map((_, last) => {
        const ends = bans.filter((ban) => covers(ban.address, last)).map((ban) => ban.until);
        return ends.length === 0 ? undefined : ends.reduce(laterOf);
      });
      expect(found).toEqual(expected);
      expect([...listed].every((address) => look(list, address) !== undefined)).toBe(true);
    }
  });

  it('lists what it holds, addresses as they were', () => {
    const bans = [
      { address: '198.51.100.0/24', until: null },
      { address: '203.0.113.7', until: now + 60 },
      { address: '203.0.113.8', until: now + 60 },
      { address: '2001:db8::/64', until: null },
    ];
    expect(open(bans.toReversed()).bans(now, 10)).toEqual(bans);
    expect(open(bans).bans(now, 2)).toEqual(bans.slice(0, 2));
  });

  it('is not mistaken for anything else', () => {
    const bytes = encodeBanList([{ address: '203.0.113.7', until: null }], 1, now);
    expect(BanList.open(new ArrayBuffer(0))).toBeNull();
    expect(BanList.open(bytes.slice(0, -1).buffer)).toBeNull();
    expect(BanList.open(new Uint8Array(bytes.length).buffer)).toBeNull();
  });
});

function covers(network: string, last: number): boolean {
  const outer = parsePrefix(network);
  if (outer === null) throw new Error(network);
  const first = Number(outer.first & 255n);
  return last >= first && last < first + 2 ** (32 - outer.bits);
}

/** The snapshot's binary form: what goes in comes out, by lookup and as a list. */
import { describe, expect, it } from 'vitest';
import { parsePrefix } from '../../shared/address.ts';
import { isOver, laterOf, type Until } from '../../shared/time.ts';
import { BanList, encodeBanList, type ListedBan } from '../../worker/ban-list.ts';

const now = 1_800_000_000;

/** What says nothing else is a block. */
type Ban = Omit<ListedBan, 'action'> & Partial<ListedBan>;

function encode(bans: readonly Ban[]): Uint8Array {
  return encodeBanList(
    bans.map((ban) => ({ action: 'block', ...ban })),
    7,
    now,
  );
}

function open(bans: readonly Ban[]): BanList {
  const list = BanList.open(encode(bans).slice().buffer);
  if (list === null) throw new Error('not a list');
  return list;
}

function look(list: BanList, address: string, at = now): Until | { challenge: Until } | undefined {
  const prefix = parsePrefix(address);
  if (prefix === null) throw new Error(address);
  const sentence = list.lookup(prefix, at);
  if (sentence === null) return undefined;
  return sentence.action === 'block' ? sentence.until : { challenge: sentence.until };
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
        const action = random(2) === 0 ? 'block' : 'challenge';
        return { address, action, until: random(4) === 0 ? null : now + 1 + random(5) } as const;
      });
      const list = open(bans);
      const listed = new Set(list.bans(now, 1_000).map(({ address }) => address));
      for (const at of [now, now + 1, now + 3, now + 5]) {
        const found = Array.from({ length: 256 }, (_, last) => look(list, `192.0.2.${last}`, at));
        expect(found).toEqual(found.map((_, last) => scan(bans, last, at)));
      }
      expect([...listed].every((address) => look(list, address) !== undefined)).toBe(true);
    }
  });

  it('goes on with a challenge where it outlasts the block', () => {
    const list = open([
      { address: '203.0.113.7', action: 'challenge', until: now + 200 },
      { address: '203.0.113.7', until: now + 100 },
      { address: '203.0.113.0/24', action: 'challenge', until: now + 300 },
    ]);
    expect([list.count, look(list, '203.0.113.7', now + 99)]).toEqual([3, now + 100]);
    expect(look(list, '203.0.113.7', now + 100)).toEqual({ challenge: now + 300 });
    expect([look(list, '203.0.113.8'), look(list, '203.0.113.7', now + 300)]).toEqual([
      { challenge: now + 300 },
      undefined,
    ]);
  });

  it('lists what it holds, addresses as they were', () => {
    const bans = [
      { address: '198.51.100.0/24', until: null },
      { address: '203.0.113.7', until: now + 60 },
      { address: '203.0.113.8', until: now + 60 },
      { address: '2001:db8::/64', until: null },
    ];
    const listed = bans.map((ban) => ({ ...ban, action: 'block' }));
    expect(open(bans.toReversed()).bans(now, 10)).toEqual(listed);
    expect(open(bans).bans(now, 2)).toEqual(listed.slice(0, 2));
  });

  it('is not mistaken for anything else', () => {
    const bytes = encode([{ address: '203.0.113.7', until: null }]);
    expect(BanList.open(new ArrayBuffer(0))).toBeNull();
    expect(BanList.open(bytes.slice(0, -1).buffer)).toBeNull();
    expect(BanList.open(new Uint8Array(bytes.length).buffer)).toBeNull();
    // what an earlier edgeban wrote has other columns
    const older = new Uint8Array(bytes);
    older.set(new TextEncoder().encode('EBL1'));
    expect(BanList.open(older.buffer)).toBeNull();
  });
});

/** What holds at a time, by looking at every ban. */
function scan(bans: readonly ListedBan[], last: number, at: number): ReturnType<typeof look> {
  const around = bans.filter((ban) => covers(ban.address, last) && !isOver(ban.until, at));
  const ends = (action: string) => around.filter((ban) => ban.action === action).map(({ until }) => until);
  const [blocks, challenges] = [ends('block'), ends('challenge')];
  if (blocks.length > 0) return blocks.reduce(laterOf);
  return challenges.length === 0 ? undefined : { challenge: challenges.reduce(laterOf) };
}

function covers(network: string, last: number): boolean {
  const outer = parsePrefix(network);
  if (outer === null) throw new Error(network);
  const first = Number(outer.first & 255n);
  return last >= first && last < first + 2 ** (32 - outer.bits);
}

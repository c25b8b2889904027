/** What is never banned, whoever asks. */
import { expect, test } from 'vitest';
import { contains, formatPrefix, lastOf, type Prefix, parsePrefix } from '../../shared/address.ts';
import { cloudflareRanges, Guard } from '../../shared/engine/guard.ts';
import { PrefixSet } from '../../shared/engine/prefix-set.ts';
import { below, oneOf, randomOf } from '../random.ts';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`no prefix: ${text}`);
  return parsed;
}

const prefixes = (...texts: string[]) => texts.map(prefix);

test.each([
  ['10.1.2.3', 'ERR_GUARD_RESERVED'],
  ['172.31.255.255', 'ERR_GUARD_RESERVED'],
  ['192.168.0.0/16', 'ERR_GUARD_RESERVED'],
  ['127.0.0.1', 'ERR_GUARD_RESERVED'],
  ['169.254.169.254', 'ERR_GUARD_RESERVED'],
  ['100.64.0.1', 'ERR_GUARD_RESERVED'],
  ['0.0.0.0', 'ERR_GUARD_RESERVED'],
  ['224.0.0.1', 'ERR_GUARD_RESERVED'],
  ['240.0.0.1', 'ERR_GUARD_RESERVED'],
  ['255.255.255.255', 'ERR_GUARD_RESERVED'],
  ['::', 'ERR_GUARD_RESERVED'],
  ['::1', 'ERR_GUARD_RESERVED'],
  ['::ffff:10.0.0.1', 'ERR_GUARD_RESERVED'],
  ['::fffe:0:0/95', 'ERR_GUARD_RESERVED'],
  ['fd00::1', 'ERR_GUARD_RESERVED'],
  ['fe80::1', 'ERR_GUARD_RESERVED'],
  ['ff02::1', 'ERR_GUARD_RESERVED'],
  ['0.0.0.0/0', 'ERR_GUARD_WIDE'],
  ['::/0', 'ERR_GUARD_WIDE'],
  ['198.0.0.0/15', 'ERR_GUARD_WIDE'],
  ['2001:db8::/47', 'ERR_GUARD_WIDE'],
  ['104.16.1.1', 'ERR_GUARD_CLOUDFLARE'],
  ['103.21.0.0/16', 'ERR_GUARD_CLOUDFLARE'],
  ['::ffff:104.16.1.1', 'ERR_GUARD_CLOUDFLARE'],
  ['2a06:98c0:3600::103', 'ERR_GUARD_CLOUDFLARE'],
  ['2606:4700:4700::/48', 'ERR_GUARD_CLOUDFLARE'],
  ['2002:6810:101::/48', 'ERR_GUARD_CLOUDFLARE'],
  ['2002:6810:101::1', 'ERR_GUARD_CLOUDFLARE'],
  ['2002:cb00:7107:5::/64', 'ERR_GUARD_OWN'],
  ['2002:a01:203::1', 'ERR_GUARD_RESERVED'],
  ['64:ff9b::104.16.1.1', 'ERR_GUARD_CLOUDFLARE'],
  ['64:ff9b::203.0.113.0/120', 'ERR_GUARD_OWN'],
  ['64:ff9b::/64', 'ERR_GUARD_CLOUDFLARE'],
  ['64:ff9b:1::198.51.100.97', 'ERR_GUARD_ALLOWED'],
  ['::ffff:0:192.0.2.66', 'ERR_GUARD_HOST'],
  ['2002:c000:242::7', 'ERR_GUARD_HOST'],
  ['192.0.2.66', 'ERR_GUARD_HOST'],
  ['192.0.2.64/26', 'ERR_GUARD_HOST'],
  ['203.0.113.7', 'ERR_GUARD_OWN'],
  ['203.0.113.0/24', 'ERR_GUARD_OWN'],
  ['198.51.100.99', 'ERR_GUARD_ALLOWED'],
  ['198.51.100.0/23', 'ERR_GUARD_ALLOWED'],
])('%s is refused with %s', (text, code) => {
  const [own, hosts, allowed] = [prefixes('203.0.113.7'), prefixes('192.0.2.66'), prefixes('198.51.100.96/27')];
  const guard = new Guard({ own, hosts, allowed });
  expect(guard.check(prefix(text))?.code).toBe(code);
});

test.each([
  '192.0.2.1',
  '198.51.100.0/24',
  '203.0.113.0/16',
  '2001:db8::1',
  '2001:db8:1::/48',
  '8.8.8.8',
  '::ffff:8.8.8.8',
  '2002:808:808::/48',
  '64:ff9b::8.8.8.8',
  '64:ff9b:2::1',
])('%s may be banned', (text) => {
  expect(new Guard().check(prefix(text))).toBeNull();
});

test('a host that serves a LAN may ban private addresses, but not itself or what is no peer', () => {
  const guard = new Guard({ private: true, own: prefixes('192.168.1.1') });
  const codes = ['192.168.1.2', 'fd00::2', '192.168.1.1', '127.0.0.1', '224.0.0.1'].map(
    (text) => guard.check(prefix(text))?.code ?? null,
  );
  expect(codes).toEqual([null, null, 'ERR_GUARD_OWN', 'ERR_GUARD_RESERVED', 'ERR_GUARD_RESERVED']);
});

test('widths can be set; ranges that Cloudflare has added are guarded besides the known ones', () => {
  const guard = new Guard({ prefix4: 24, prefix6: 64, cloudflare: prefixes('192.0.2.0/24') });
  const codes = ['198.51.0.0/23', '2001:db8::/63', '192.0.2.9', '104.16.1.1'].map(
    (text) => guard.check(prefix(text))?.code,
  );
  expect(codes).toEqual(['ERR_GUARD_WIDE', 'ERR_GUARD_WIDE', 'ERR_GUARD_CLOUDFLARE', 'ERR_GUARD_CLOUDFLARE']);
});

test('the message names the address and the range', () => {
  expect(new Guard().check(prefix('104.16.1.1'))?.message).toBe("104.16.1.1 is Cloudflare's 104.16.0.0/13");
});

test('every Cloudflare range is refused at its first and its last address', () => {
  const guard = new Guard();
  for (const range of cloudflareRanges.map(prefix)) {
    for (const first of [range.first, lastOf(range)]) {
      const single = { family: range.family, bits: range.family === 4 ? 32 : 128, first };
      expect(guard.check(single)?.code, formatPrefix(single)).toBe('ERR_GUARD_CLOUDFLARE');
    }
  }
});

function randomPrefix(random: () => number): Prefix {
  const bits = 24 + below(random, 9);
  return prefix(`198.51.${below(random, 4)}.${below(random, 256)}/${bits}`);
}

test('a set answers as a search through all its entries does', () => {
  const random = randomOf(7);
  for (let round = 0; round < 200; round += 1) {
    const entries = Array.from({ length: below(random, 30) }, () => randomPrefix(random));
    const set = new PrefixSet(entries.map((entry) => [entry, entry] as const));
    for (let asked = 0; asked < 30; asked += 1) {
      const query = oneOf(random, [...entries, randomPrefix(random)]);
      const found = set.overlapping(query);
      const slow = entries.some((entry) => contains(entry, query) || contains(query, entry));
      expect(found !== undefined, formatPrefix(query)).toBe(slow);
      if (found !== undefined) expect(contains(found, query) || contains(query, found)).toBe(true);
    }
  }
});

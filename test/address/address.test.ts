/** Addresses and networks: one spelling for each, and what contains what. */
import { describe, expect, it } from 'vitest';
import { canonical, contains, overlaps, parsePrefix } from '../../shared/address.ts';

describe('canonical', () => {
  const same: readonly (readonly [string, string | null])[] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.77/24', '192.0.2.0/24'],
    ['192.0.2.77/255.255.255.0', '192.0.2.0/24'],
    ['192.0.2.77/32', '192.0.2.77'],
    ['192.0.2.77/255.0.255.0', null],
    ['192.0.2.77/0.0.0.0', '0.0.0.0/0'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['::ffff:192.0.2.1/120', '192.0.2.0/24'],
    ['::ffff:192.0.2.1/64', null],
    ['[2001:DB8::1]', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::/0', '::/0'],
    ['1::', '1::'],
    ['2001:db8::dead/64', '2001:db8::/64'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['1:2:3:4:5:6:7:8::', null],
    ['1::2::3', null],
    ['192.0.2.1::', null],
    ['12345::', null],
    ['192.0.2.256', null],
    ['192.0.2', null],
    ['010.0.0.1', null],
    ['192.0.2.1/024', null],
    ['', null],
    ['localhost', null],
    ['1.2.3.4/33', null],
    ['::1/129', null],
    ['::1/', null],
  ];
  it.each(same)('%s is %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });
});

describe('networks', () => {
  const prefix = (text: string) => {
    const parsed = parsePrefix(text);
    if (parsed === null) throw new Error(`${text} is no prefix`);
    return parsed;
  };
  it('contain their addresses and nothing else', () => {
    expect(contains(prefix('10.0.0.0/8'), prefix('10.255.255.255'))).toBe(true);
    expect(contains(prefix('10.0.0.0/8'), prefix('11.0.0.0'))).toBe(false);
    expect(contains(prefix('10.0.0.1'), prefix('10.0.0.0/8'))).toBe(false);
    expect(contains(prefix('::/0'), prefix('0.0.0.0/0'))).toBe(false);
  });
  it('overlap both ways round', () => {
    expect(overlaps(prefix('10.0.0.1'), prefix('10.0.0.0/8'))).toBe(true);
    expect(overlaps(prefix('2001:db8::/32'), prefix('2001:db8::1'))).toBe(true);
    expect(overlaps(prefix('2001:db8::/32'), prefix('2001:db9::1'))).toBe(false);
  });
});

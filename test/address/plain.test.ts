/** Plain spellings beside the slow way: what is called plain is what the address is known by, and most are found. */
import { expect, it } from 'vitest';
import { canonical, isIPv4 } from '../../shared/address.ts';
import { isPlainIPv6 } from '../../shared/plain-address.ts';
import { randomOf } from '../random.ts';

const random = randomOf(20_261_123);
const below = (count: number) => Math.floor(random() * count);
const of = (texts: readonly string[]) => texts[below(texts.length)] ?? '';

function spelling(): string {
  const groups = Array.from({ length: 1 + below(9) }, () =>
    of(['0', '0', '1', 'a', 'ff', 'db8', '2001', 'ffff', '00', '0a', 'G', 'A', '12345', '']),
  );
  return groups.join(':') + of(['', '', '', ':', '::', ':1.2.3.4']);
}

function ofBits(): string {
  const groups = Array.from({ length: 8 }, () => (random() < 0.5 ? '0' : below(65_536).toString(16)));
  return canonical(groups.join(':')) ?? '';
}

it('says only of the one spelling that it is plain', () => {
  let plain = 0;
  for (let round = 0; round < 300_000; round += 1) {
    const text = round % 2 === 0 ? spelling() : ofBits();
    if (!isPlainIPv6(text)) continue;
    plain += 1;
    expect(canonical(text)).toBe(text);
  }
  expect(plain).toBeGreaterThan(50_000);
});

it('finds plain what is plain, but for a begin of zeros', () => {
  for (let round = 0; round < 50_000; round += 1) {
    const text = ofBits();
    expect([text, isPlainIPv6(text)]).toEqual([text, !text.startsWith(':') && text.includes(':')]);
  }
});

it.each(['1.2.3.4', '255.255.255.255', '0.0.0.0'])('IPv4: %s', (text) => {
  expect([isIPv4(text), canonical(text)]).toEqual([true, text]);
});

it.each(['01.2.3.4', '1.2.3', '1.2.3.256', '1.2.3.4.5', '1.2.3.4 ', '', '1..2.3', '::1.2.3.4'])(
  'not IPv4: %s',
  (text) => {
    expect(isIPv4(text)).toBe(false);
  },
);

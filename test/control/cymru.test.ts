/** `status JAIL cymru`: the questions, and what becomes of the answers. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { expect, test } from 'vitest';
import { cymruLimits, originsBy, questionOf, type TextLookup } from '../../host-agent/system/cymru.ts';
import { parsePrefix } from '../../shared/address.ts';

const answers: Readonly<Record<string, readonly string[]>> = {
  '7.113.0.203.origin.asn.cymru.com': ['64496 64497 | 203.0.113.0/24 | ZZ | arin | 1998-09-25'],
  '8.113.0.203.origin.asn.cymru.com': [
    '64511 | 203.0.113.0/24 | US | ripencc | 1998-09-25',
    '64499 | 203.0.113.0/24 |  | arin | 1998-09-25',
  ],
};

const known: TextLookup = async (name) => {
  const found = answers[name];
  if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  return found;
};

function asking(texts: TextLookup) {
  const failures: string[] = [];
  return { failures, origins: originsBy((why) => failures.push(why), texts) };
}

test.each([
  ['203.0.113.7', '7.113.0.203.origin.asn.cymru.com'],
  ['203.0.113.0/24', '0.113.0.203.origin.asn.cymru.com'],
  ['2001:db8::1', `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.origin6.asn.cymru.com`],
])('%s is asked for as %s', (address, question) => {
  const prefix = parsePrefix(address);
  expect(prefix === null ? null : questionOf(prefix)).toBe(question);
});

test('in the order of the bans, as fail2ban words it', async () => {
  const { failures, origins } = asking(known);
  expect(await origins(['203.0.113.8', '203.0.113.9', 'root@host', '203.0.113.7'])).toEqual({
    asn: ['64499, 64511', 'nxdomain', 'unknown', '64496 64497'],
    country: ['US, unknown', 'nxdomain', 'unknown', 'ZZ'],
    rir: ['arin, ripencc', 'nxdomain', 'unknown', 'arin'],
  });
  expect(failures).toEqual([]);
});

test('where nobody answers, the lists end and it is told', async () => {
  const { failures, origins } = asking(() =>
    Promise.reject(Object.assign(new Error('timed out'), { code: 'ETIMEOUT' })),
  );
  expect(await origins(['203.0.113.7'])).toEqual({ asn: [], country: [], rir: [] });
  expect(failures).toEqual(['timed out']);
});

test('no more are asked than a bound, few at once, and no answer says anything to a terminal', async () => {
  let [now, most, count] = [0, 0, 0];
  const { failures, origins } = asking(async () => {
    now += 1;
    count += 1;
    most = Math.max(most, now);
    await Promise.resolve();
    now -= 1;
    return ['\u001b[2J | 203.0.113.0/24 | ZZ | arin | 1998-09-25'];
  });
  const ids = Array.from({ length: cymruLimits.addresses_max + 7 }, (_, i) => `203.0.${i >> 8}.${i & 255}`);
  const { asn } = await origins(ids);
  expect([asn.length, count, most]).toEqual([
    cymruLimits.addresses_max,
    cymruLimits.addresses_max,
    cymruLimits.at_once_max,
  ]);
  expect(asn[0]).toBe('?[2J');
  expect(failures).toEqual([`only the first ${cymruLimits.addresses_max} are asked for`]);
});

test("by a real question to a real socket, with Node's resolver", async () => {
  const server = createSocket('udp4');
  server.on('message', (question, { port, address }) => {
    const text = Buffer.from('64496 | 203.0.113.0/24 | ZZ | arin | 1998-09-25');
    const head = Buffer.from([question[0] ?? 0, question[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    const asked = question.subarray(12, question.indexOf(Buffer.from([0, 0, 16, 0, 1])) + 5);
    const record = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, text.length + 1, text.length]);
    server.send(Buffer.concat([head, asked, record, text]), port, address);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  try {
    const resolver = new Resolver({ timeout: 2_000, tries: 3 });
    resolver.setServers([`127.0.0.1:${server.address().port}`]);
    const { origins } = asking(async (name) => (await resolver.resolveTxt(name)).map((parts) => parts.join('')));
    expect(await origins(['203.0.113.7'])).toEqual({ asn: ['64496'], country: ['ZZ'], rir: ['arin'] });
  } finally {
    server.close();
  }
});

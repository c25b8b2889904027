/** `status JAIL cymru`: whose networks the banned addresses are in, as Team Cymru's DNS tells (TXT records, one question each). */

import { Resolver } from 'node:dns/promises';
import { type Prefix, parsePrefix } from '../../shared/address.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Origins } from '../control/agent-control.ts';

/** fail2ban asks one address after the other, without an end. */
export const cymruLimits = {
  addresses_max: 1_000,
  at_once_max: 16,
  /** Of all questions together: a client waits 30 s. */
  time_ms_max: 20_000,
  question_ms_max: 5_000,
} as const;

/** The TXT records of a name. Throws an Error with `code`, ENOTFOUND for a name that there is not. */
export type TextLookup = (name: string) => Promise<readonly string[]>;

type Row = readonly [asn: string, country: string, rir: string];

async function systemTexts(name: string): Promise<readonly string[]> {
  // made anew each time: /etc/resolv.conf may have changed
  const resolver = new Resolver({ timeout: cymruLimits.question_ms_max, tries: 2 });
  return (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
}

/** Never rejects: with the first question that nobody answers the lists end, as fail2ban's do, and `failed` is told. */
export function originsBy(failed: (why: string) => void, texts: TextLookup = systemTexts) {
  return async (ids: readonly string[]): Promise<Origins> => {
    const rows: Row[] = [];
    const end = performance.now() + cymruLimits.time_ms_max;
    try {
      if (ids.length > cymruLimits.addresses_max) failed(`only the first ${cymruLimits.addresses_max} are asked for`);
      const asked = ids.slice(0, cymruLimits.addresses_max);
      for (let at = 0; at < asked.length; at += cymruLimits.at_once_max) {
        if (performance.now() > end) throw new Error(`no more than ${rows.length} answers within the time`);
        const some = asked.slice(at, at + cymruLimits.at_once_max);
        rows.push(...(await Promise.all(some.map((id) => rowOf(id, texts)))));
      }
    } catch (error) {
      failed(messageOf(error));
    }
    return { asn: rows.map(([asn]) => asn), country: rows.map(([, land]) => land), rir: rows.map(([, , rir]) => rir) };
  };
}

async function rowOf(id: string, texts: TextLookup): Promise<Row> {
  const prefix = parsePrefix(id);
  if (prefix === null) return ['unknown', 'unknown', 'unknown'];
  try {
    return readRow(await texts(questionOf(prefix)));
  } catch (error) {
    const isNobodys = error instanceof Error && 'code' in error && /^(ENOTFOUND|ENODATA)$/.test(String(error.code));
    if (isNobodys) return ['nxdomain', 'nxdomain', 'nxdomain'];
    throw error;
  }
}

/** `23028 | 216.90.108.0/24 | US | arin | 1998-09-25`: each record is one announcement. */
function readRow(records: readonly string[]): Row {
  const parts = records.map((record) => record.split('|').map((part) => part.replace(/^['" ]+|['" ]+$/g, '')));
  if (parts.length === 0 || parts.some(({ length }) => length !== 5)) throw new Error('an answer in an unknown form');
  const column = (at: number) => {
    const words = parts.map((part) => shown(part[at] ?? ''));
    return [...new Set(words)].sort((a, b) => (a < b ? -1 : 1)).join(', ');
  };
  return [column(0), column(2), column(3)];
}

/** It stands in a terminal: nobody's DNS writes escape sequences there. */
function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
  return plain === '' ? 'unknown' : plain;
}

/** `4.3.2.1.origin.asn.cymru.com`; of a network, for its first address. */
export function questionOf({ family, first }: Prefix): string {
  if (family === 4) {
    const bytes = [0n, 8n, 16n, 24n].map((shift) => String((first >> shift) & 0xffn));
    return `${bytes.join('.')}.origin.asn.cymru.com`;
  }
  const digits = [...first.toString(16).padStart(32, '0')].reverse();
  return `${digits.join('.')}.origin6.asn.cymru.com`;
}

/** The numbered streams of a host: which event of each was the last to be taken in. In the host's row, which is written anyway. */
import { z } from 'zod';
import { textOrNull } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { ledgerLimits } from './limits.ts';

/** The newest first: its id, the number of its last event, when that came. */
const Streams = z.array(z.tuple([z.string(), z.number(), z.number()]));
export type Streams = z.infer<typeof Streams>;

export function readStreams(sql: Sql, host: string): Streams {
  const [row] = sql.all('SELECT streams FROM hosts WHERE id = ?', host);
  const text = row === undefined ? null : textOrNull(row, 'streams');
  return text === null ? [] : Streams.parse(JSON.parse(text));
}

/** 0: none of it. */
export function lastOf(streams: Streams, stream: string): number {
  return streams.find(([id]) => id === stream)?.[1] ?? 0;
}

/** Of a host that begins ever new streams only the newest are remembered. */
export function advanced(streams: Streams, stream: string, last: number, now: UnixTime): Streams {
  const others = streams.filter(([id]) => id !== stream);
  return [[stream, last, now] as [string, number, number], ...others].slice(0, ledgerLimits.streams_per_host_max);
}

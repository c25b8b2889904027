/** What the jails read, as streams of lines in the order of time: logs with their rotated files, and the journal. */
import { globSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codecOf, type Wide } from '../../shared/config/logencoding.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { JailPlan } from '../agent/plan.ts';
import { type Chunk, journalLines, kindOf, savedJournal } from '../regex/input.ts';
import { logLines } from '../regex/log-lines.ts';
import { rotatedName } from '../sources/rotated.ts';

export interface Stream {
  readonly name: string;
  readonly jails: readonly string[];
  readonly chunks: AsyncIterable<Chunk>;
  /** Of all its files as they lie on the disk; null where nobody knows. */
  readonly bytes: number | null;
}

export interface Span {
  readonly since: UnixTime | null;
  readonly until: UnixTime;
}

/** The streams of jails; jails that read the same log share one. `logs`: these instead of their own. */
export function streamsOf(jails: readonly JailPlan[], logs: readonly string[], span: Span): Stream[] {
  const byName = new Map<string, { readonly make: (names: string[]) => Stream; readonly names: string[] }>();
  for (const jail of jails) {
    for (const [name, make] of logs.length > 0 ? [givenOf(jail, logs)] : sourcesOf(jail, span)) {
      const known = byName.get(name);
      if (known === undefined) byName.set(name, { make, names: [jail.name] });
      else known.names.push(jail.name);
    }
  }
  return [...byName.values()].map(({ make, names }) => make(names));
}

type Source = readonly [name: string, make: (jails: string[]) => Stream];

function sourcesOf(jail: JailPlan, span: Span): Source[] {
  if (jail.backend === 'systemd') return [journalOf(jail, span)];
  const paths = jail.logpath.flatMap(({ path }) => (/[*?[\]{}]/.test(path) ? globSync(path).sort() : [path]));
  return [...new Set(paths)].map((path) => filesOf(path, () => withRotated(path, span.since), jail));
}

/** These files instead of its own. */
function givenOf(jail: JailPlan, logs: readonly string[]): Source {
  return filesOf(logs.join(' '), () => logs.map(existing), jail);
}

/** What is read byte by byte for one jail is something else for one that reads UTF-16. */
function filesOf(name: string, files: () => readonly string[], { logencoding }: JailPlan): Source {
  const { wide = null } = codecOf(logencoding);
  const full = wide === null ? name : `${name} (${wide.name})`;
  return [full, (jails) => filesStream(full, files(), jails, wide)];
}

function journalOf({ journalmatch, journalOptions }: JailPlan, { since, until }: Span): Source {
  const name = `journal ${JSON.stringify([journalmatch, journalOptions])}`;
  const times = [...(since === null ? [] : [`--since=@${since}`]), `--until=@${until}`];
  const chunks = () => journalLines(journalmatch, journalOptions, ['journalctl', ...times]);
  return [name, (jails) => ({ name: 'the journal', jails, chunks: { [Symbol.asyncIterator]: chunks }, bytes: null })];
}

function existing(path: string): string {
  if (isFile(path)) return path;
  throw new EdgebanError('ERR_SOURCE_UNREADABLE', 'there is no such log', { file: path });
}

/** The log with its rotated files beside it that reach into the time, oldest first. */
function withRotated(path: string, since: UnixTime | null): string[] {
  const folder = dirname(path);
  const beside = namesIn(folder).filter((name) => rotatedName(basename(path), name));
  const all = [...beside.map((name) => join(folder, name)), path].filter(isFile);
  const timed = all.map((file) => ({ file, at: statSync(file).mtimeMs / 1000 })).sort((a, b) => a.at - b.at);
  return timed.filter(({ at }) => since === null || at >= since).map(({ file }) => file);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function filesStream(name: string, files: readonly string[], jails: readonly string[], wide: Wide | null): Stream {
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  return { name, jails, chunks: { [Symbol.asyncIterator]: () => chunksOf(files, wide) }, bytes };
}

async function* chunksOf(files: readonly string[], wide: Wide | null): AsyncGenerator<Chunk> {
  for (const file of files) yield* chunksIn(file, wide);
}

async function* chunksIn(file: string, wide: Wide | null): AsyncGenerator<Chunk> {
  const kind = kindOf(file);
  yield* kind === 'lines' ? logLines(file, { last: true, wide }) : savedJournal(file, kind);
}

/** Which log is meant by the first word of the command line: a file, the journal, or the line itself. */
import { existsSync, statSync } from 'node:fs';
import { codecOf } from '../../shared/config/logencoding.ts';
import { parseNamedOptions } from '../../shared/config/options-syntax.ts';
import { shellWords } from '../../shared/config/python-text.ts';
import { sourced } from '../../shared/config/sourced.ts';
import type { Searches } from '../../shared/filter/regex/pattern.ts';
import { type Decode, decoderFor, decoderOf } from '../agent/decoder.ts';
import { type Chunk, chunk_bytes, journalLines, kindOf, savedJournal, sizeOf, textLines } from './input.ts';
import { logLines } from './log-lines.ts';
import { type RegexOptions, usage } from './options.ts';
import { type Backend, type Rules, shortened } from './rules.ts';

export interface Input {
  readonly chunks: Iterable<Chunk> | AsyncIterable<Chunk>;
  /** In bytes, where it is known. */
  readonly size: number | null;
}

type Room = Searches['room'];

export interface Log {
  readonly backend: Backend;
  /** Of the bytes of its lines: as asked for, but what stands on the command line is text already. */
  readonly decode: Decode;
  /** To be called when the rules are read: the journal's matches may be theirs. Throws an EdgebanError. */
  open(rules: Rules, maxlines: number): { readonly input: Input; readonly heading: readonly string[] };
}

/** `room` is asked for memory in which the searches find what is read. */
export function openLog(word: string, options: RegexOptions, room: Room): Log {
  // an unknown one is refused, needed or not
  const decode = decoderOf(options.encoding);
  const encoding = `Use         encoding : ${options.encoding}`;
  if (isFile(word)) return fileLog(word, options, { decode, encoding, room });
  if (word.startsWith('systemd-journal')) return journalLog(word, options, encoding);
  return {
    backend: 'auto',
    decode: decoderOf('auto'),
    open: (_, maxlines) => {
      const single = maxlines <= 1 && !word.includes('\n');
      const lines = single ? [word] : word.split('\n');
      const heading = single ? [`Use      single line : ${shortened(word)}`] : severalLines(lines);
      return { input: { chunks: textLines(lines), size: null }, heading };
    },
  };
}

function isFile(word: string): boolean {
  if (word.includes('\0') || word.length > 4096 || !existsSync(word)) return false;
  const stat = statSync(word);
  return stat.isFile() || stat.isFIFO() || stat.isCharacterDevice();
}

/** `encoding`: the line of the report that names it. */
interface Reading {
  readonly decode: Decode;
  readonly encoding: string;
  readonly room: Room;
}

function fileLog(path: string, options: RegexOptions, { decode, encoding, room }: Reading): Log {
  const isPlain = statSync(path).isFile();
  const kind = isPlain ? kindOf(path) : 'lines';
  const size = isPlain ? sizeOf(path) : null;
  if (kind === 'lines') {
    const heading = [`Use         log file : ${path}`, encoding];
    return {
      backend: 'auto',
      decode,
      open: () => ({ input: { chunks: linesOf(path, options, room), size }, heading }),
    };
  }
  const heading = [`Use    saved journal : ${path} (${kind})`, encoding];
  const open = () => ({ input: { chunks: savedJournal(path, kind), size }, heading });
  return { ...entries(options), open };
}

/** Of the journal, live or saved. */
function entries({ encoding }: RegexOptions): Pick<Log, 'backend' | 'decode'> {
  const backend = 'systemd';
  return { backend, decode: decoderFor({ backend, logencoding: encoding }) };
}

function linesOf(path: string, { encoding, out }: RegexOptions, room: Room): Input['chunks'] {
  const { wide = null } = codecOf(encoding);
  return logLines(path, { last: out === 'json', wide, room: room(chunk_bytes) });
}

function journalLog(word: string, options: RegexOptions, encoding: string): Log {
  const named = parseNamedOptions(sourced(word, { file: 'command line', line: 1 }));
  const settings = Object.fromEntries([...named.options].map(([name, { text }]) => [name, text]));
  return {
    ...entries(options),
    open: (rules) => {
      const matches = options.journalmatch === null ? rules.journalmatch : [matchOf(options.journalmatch)];
      const words = matches.flatMap((match) => shellWords(match) ?? []);
      const shown = words.length === 0 ? [] : [`Use    journal match : ${words.join(' ')}`];
      const heading = ['Use         systemd journal', encoding, ...shown];
      return { input: { chunks: journalLines(matches, settings), size: null }, heading };
    },
  };
}

function matchOf(text: string): string {
  if (shellWords(text) === null) throw usage('option --journalmatch: a quote is not closed', 'close it');
  return text;
}

function severalLines(lines: readonly string[]): string[] {
  const shown = lines.slice(0, 5).map((line, at) => `| ${String(at + 1).padStart(2)}: ${shortened(line)}`);
  return [`Use      multi line : ${lines.length} line(s)`, ...shown, ...(lines.length > 5 ? ['| ...'] : []), '`-'];
}

/** The words of a verb's command line, and what every verb of the operator does alike: credentials, confirmation, output. */
import { readFileSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { formatPrefix, parsePrefix } from '../../shared/address.ts';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { usage } from '../cli/options.ts';
import { defaultOperatorFile, type OperatorFile, readOperatorFile } from './operator-file.ts';
import { WorkerApi } from './worker-api.ts';
import type { OperatorWorld } from './world.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
const token_bytes_max = 4096;

/** What every verb takes. */
const common = {
  'operator-file': { type: 'string', default: defaultOperatorFile },
  json: { type: 'boolean', default: false },
  yes: { type: 'boolean', short: 'y', default: false },
} as const satisfies Options;

/** `words_max`: how many words beside options. Throws ERR_USAGE. */
export function parseWords<T extends Options>(argv: readonly string[], own: T, words_max = 0) {
  const options = { ...common, ...own };
  const parsed = tried(() => parseArgs({ args: bound(argv), options, allowPositionals: words_max > 0 }));
  if (parsed.positionals.length > words_max) throw usage(`'${parsed.positionals[words_max]}' is one word too many`);
  return { values: parsed.values, words: parsed.positionals };
}

/** `--bantime -1`: to parseArgs a word that begins with a hyphen is an option. */
function bound(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (const word of argv) {
    const last = words.at(-1) ?? '';
    if (/^-\d/.test(word) && /^--[a-z-]+$/.test(last)) words.splice(-1, 1, `${last}=${word}`);
    else words.push(word);
  }
  return words;
}

function tried<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw usage(messageOf(error));
  }
}

export interface CommonWords {
  readonly 'operator-file': string;
  readonly json: boolean;
  readonly yes: boolean;
}

/** `patience`: null asks the Worker once. */
export function operatorOf(
  values: CommonWords,
  patience: OperatorWorld | null,
): { readonly file: OperatorFile; readonly worker: WorkerApi } {
  const file = readOperatorFile(values['operator-file']);
  return { file, worker: new WorkerApi(file, patience) };
}

/** The one word that a verb needs. Throws ERR_USAGE. */
export function wordOf(words: readonly string[], verb: string, name: string): string {
  const [word] = words;
  if (word === undefined) throw usage(`edgeban edge ${verb} needs ${name}`);
  return word;
}

/** In its canonical spelling. Throws ERR_ADDRESS_INVALID. */
export function addressOf(text: string): string {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new EdgebanError('ERR_ADDRESS_INVALID', `'${text}' is not an IP address or network`);
  return formatPrefix(prefix);
}

/** Throws ERR_USAGE where nobody can be asked and --yes does not stand, and ERR_INTERRUPTED for a no. */
export async function confirm(world: OperatorWorld, values: CommonWords, question: string): Promise<void> {
  if (values.yes) return;
  if (!world.prompt.isTerminal) throw usage(`${question} Nobody can be asked here`, 'say --yes if it is meant');
  if (/^y(es)?$/i.test(await world.prompt.ask(`${question} [y/N] `))) return;
  throw new EdgebanError('ERR_INTERRUPTED', 'nothing was changed');
}

export function tell(world: OperatorWorld, values: CommonWords, facts: unknown, text: string): void {
  world.terminal.out(values.json ? JSON.stringify(facts) : text);
}

export interface SecretSource {
  /** A file, `-` for stdin; undefined: the environment's, or the terminal is asked. */
  readonly file: string | undefined;
  readonly variable: string;
  readonly question: string;
}

/** Never from the command line: that can be read by every user of the machine. Null: there is none to be had. */
export async function secretOf(world: OperatorWorld, source: SecretSource): Promise<string | null> {
  const text = await secretText(world, source);
  if (text === null || text.trim() === '') return null;
  const secret = text.trim();
  if (/^[\x21-\x7e]{8,500}$/.test(secret)) return secret;
  throw new EdgebanError('ERR_SETUP_TOKEN', 'this is not a token', {
    ...(source.file === undefined || source.file === '-' ? {} : { file: source.file }),
    remedy: 'put the token alone into it, on one line',
  });
}

async function secretText(world: OperatorWorld, source: SecretSource): Promise<string | null> {
  const { file, variable, question } = source;
  if (file === '-') return await world.terminal.readInput(token_bytes_max);
  if (file !== undefined) return readSecretFile(file);
  const given = world.env[variable];
  if (given !== undefined && given !== '') return given;
  return world.prompt.isTerminal ? await world.prompt.askHidden(question) : null;
}

function readSecretFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(0, token_bytes_max);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EdgebanError('ERR_SETUP_TOKEN', `the token cannot be read: ${reason}`, { file, cause });
  }
}

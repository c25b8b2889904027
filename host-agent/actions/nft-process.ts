/** Runs one nft process: text in, text out, bounded in time and size, errors by code. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgebanError } from '../../shared/errors.ts';
import { commandPath } from '../system/programs.ts';

/** A listing of a million elements is about 80 MB. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** nft repeats the line at fault, which may be megabytes long; its first lines say all. */
const COMPLAINT_BYTES_MAX = 8 * 1024;
const COMPLAINT_SHOWN_MAX = 300;

export interface NftProgram {
  /** The program and its first arguments: `['nft']`, or `['ip', 'netns', 'exec', 'NAME', 'nft']`. Never a shell. */
  readonly command: readonly [string, ...string[]];
  readonly timeout_ms: number;
}

/** What nft said on refusing; `gone`: a table or set is not there, `denied`: no permission. */
export class NftRefusal extends EdgebanError {
  readonly reason: 'gone' | 'denied' | 'other';

  constructor(complaint: string) {
    const said = complaint.replace(/^[^\n]*?Error: /, '').split('\n', 1)[0] ?? '';
    super('ERR_NFT_REFUSED', `nft: ${said.slice(0, COMPLAINT_SHOWN_MAX) || 'refused without a word'}`);
    this.reason = reasonOf(said);
  }
}

function reasonOf(said: string): NftRefusal['reason'] {
  if (said.includes('No such file or directory')) return 'gone';
  return said.includes('Operation not permitted') ? 'denied' : 'other';
}

/**
 * Runs nft with `args`, hands it `input`, returns what it printed. Throws NftRefusal (exit status not 0) or an EdgebanError
 * ERR_NFT_MISSING, ERR_NFT_TIMEOUT, ERR_NFT_OUTPUT.
 */
export async function runNft(program: NftProgram, args: readonly string[], input: string): Promise<string> {
  const isFile = reopeners.has(program);
  const ended = isFile ? await collectFromFile(program, args, input) : await collect(program, args, input, 'pipe');
  if (ended.status === 0) return ended.output;
  if (isFile || !ended.complaint.includes('"/dev/stdin"')) throw new NftRefusal(ended.complaint);
  reopeners.add(program);
  return await runNft(program, args, input);
}

/**
 * nft 0.9 (Debian 11) does not read its input but opens /dev/stdin, which does not work for what Node calls a pipe (a
 * socket): these programs get their input as a file.
 */
const reopeners = new WeakSet<NftProgram>();

async function collectFromFile(program: NftProgram, args: readonly string[], input: string): Promise<Ended> {
  const fd = namelessFile(input);
  try {
    return await collect(program, args, '', fd);
  } finally {
    closeSync(fd);
  }
}

/** Only its descriptor leads to it. Its place stays at the beginning. */
function namelessFile(text: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-nft-'));
  try {
    const fd = openSync(join(folder, 'script'), 'wx+', 0o600);
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done);
    return fd;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** LC_ALL: the words of a refusal are looked at. PATH: a daemon's may lack sbin. HOME: `nft -i` writes a history there. */
export function nftEnvironment(): Readonly<Record<string, string>> {
  return { LC_ALL: 'C', PATH: commandPath().join(':'), HOME: '/nonexistent', TERM: 'dumb' };
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly complaint: string;
}

function collect(program: NftProgram, args: readonly string[], input: string, stdin: 'pipe' | number): Promise<Ended> {
  const [file, ...first] = program.command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...first, ...args], { env: nftEnvironment(), stdio: [stdin, 'pipe', 'pipe'] });
    const stop = (error: EdgebanError) => {
      child.kill('SIGKILL');
      reject(error);
    };
    const timer = setTimeout(() => stop(timedOut(program)), program.timeout_ms);
    const output = bounded(OUTPUT_BYTES_MAX, () => stop(new EdgebanError('ERR_NFT_OUTPUT', 'nft printed too much')));
    const complaint = bounded(COMPLAINT_BYTES_MAX, () => undefined);
    child.stdout?.on('data', output.take);
    child.stderr?.on('data', complaint.take);
    child.stdin?.on('error', () => undefined); // nft may refuse and go before it has read all: its status tells
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(missing(file, cause));
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output: output.text(), complaint: complaint.text() });
    });
    child.stdin?.end(input);
  });
}

/** Keeps the first `max` bytes. */
function bounded(max: number, onTooMuch: () => void): { take: (chunk: Buffer) => void; text: () => string } {
  const chunks: Buffer[] = [];
  let room = max;
  return {
    take: (chunk) => {
      if (room <= 0) return;
      chunks.push(chunk.subarray(0, room));
      room -= chunk.length;
      if (room < 0) onTooMuch();
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}

function timedOut(program: NftProgram): EdgebanError {
  return new EdgebanError('ERR_NFT_TIMEOUT', `nft did not end within ${program.timeout_ms} ms`);
}

function missing(file: string, cause: Error): EdgebanError {
  const remedy = 'install it: apt install nftables';
  return new EdgebanError('ERR_NFT_MISSING', `cannot run ${file}: ${cause.message}`, { remedy, cause });
}

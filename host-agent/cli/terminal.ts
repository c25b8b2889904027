/** Where the programs print: results on stdout, errors on stderr in fail2ban's log format. */
import { createInterface } from 'node:readline';
import { describeError } from '../../shared/errors.ts';
import { escapeControls, formatLogLine, type Level } from '../log/log.ts';

export interface Terminal {
  /** One or more lines, without the last line end. */
  out(text: string): void;
  err(text: string): void;
  now(): Date;
  readonly pid: number;
  /** Prompts for lines until there are no more, or `body` is done (false). */
  converse(prompt: string, body: (line: string) => Promise<boolean>): Promise<void>;
  /** All of stdin, at the most `max` bytes of it. */
  readInput(max: number): Promise<string>;
}

/** fail2ban's client logs as `fail2ban`; scripts that read its stderr look for that. */
const logger = 'fail2ban';

export function say(terminal: Terminal, level: Level, message: string): void {
  terminal.err(formatLogLine(terminal.now(), logger, terminal.pid, level, message));
}

export function sayError(terminal: Terminal, message: string): void {
  say(terminal, 'ERROR', message);
}

/** An error with its place and remedy. A bug of ours keeps its stack, so that it can be reported. */
export function sayThrown(terminal: Terminal, error: unknown): void {
  sayError(terminal, describeError(error));
}

/** The terminal of this process. What attackers named (ids, users) is printed without its control characters. */
export function processTerminal(): Terminal {
  const quiet = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  };
  process.stdout.on('error', quiet);
  process.stderr.on('error', quiet);
  return {
    out: (text) => process.stdout.write(`${visible(text)}\n`),
    err: (text) => process.stderr.write(`${visible(text)}\n`),
    now: () => new Date(),
    pid: process.pid,
    converse,
    readInput,
  };
}

function visible(text: string): string {
  return text.split('\n').map(escapeControls).join('\n');
}

async function converse(prompt: string, body: (line: string) => Promise<boolean>): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt });
  let isOpen = true;
  lines.on('close', () => {
    isOpen = false;
  });
  // a pipe is at its end before its last lines are taken
  const ask = () => (isOpen ? lines.prompt() : process.stdout.write(prompt));
  ask();
  for await (const line of lines) {
    if (!(await body(line))) return lines.close();
    ask();
  }
  process.stdout.write('\n');
}

async function readInput(max: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    const chunk = Buffer.from(part);
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes > max) break;
  }
  return Buffer.concat(parts).subarray(0, max).toString('utf8');
}

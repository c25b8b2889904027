/** fail2ban's own code as a process that answers one question after the other: JSON lines in and out. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { z } from 'zod';

const failureSchema = z.object({
  id: z.string(),
  ip: z.string(),
  family: z.number().nullable(),
  time: z.number().nullable(),
  regex: z.number(),
  matches: z.array(z.string()),
  groups: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
});
const verdictSchema = z.union([
  z.object({ status: z.literal('too long') }),
  z.object({ status: z.literal('error'), error: z.string() }),
  z.object({
    status: z.enum(['match', 'ignored', 'hit', 'missed']),
    hits: z.array(z.number()),
    failures: z.array(failureSchema),
  }),
]);
const confSchema = z.object({
  failregex: z.array(z.string()),
  ignoreregex: z.array(z.string()),
  prefregex: z.string().optional(),
  maxlines: z.coerce.number().optional(),
  datepattern: z.string().optional(),
  logtimezone: z.string().optional(),
  usedns: z.string().optional(),
});
const answerSchema = <T extends z.ZodType>(value: T) => z.union([z.object({ value }), z.object({ error: z.string() })]);

/** A filter's regexes and options, every tag of the configuration's language replaced. */
export type Conf = z.infer<typeof confSchema>;
/** `too long`: fail2ban would have sat over the line for more than three seconds. `error`: it drops the line. */
export type TheirVerdict = z.infer<typeof verdictSchema>;

export interface FuzzLine {
  /** Bytes, as latin-1. */
  readonly text: string;
  readonly now: number;
  /** For lines of a journal. */
  readonly time?: number;
}

/** Lines of one log under one filter, both fresh. */
export interface Sequence {
  readonly conf: Conf;
  /** Every regex is tried (fail2ban-regex), or the first hit wins (the server). */
  readonly all: boolean;
  readonly usedns: 'yes' | 'warn' | 'no' | 'raw';
  readonly mode: 'operation' | 'initial' | 'unchecked';
  readonly findtime: number;
  readonly lines: readonly FuzzLine[];
}

/** Why fail2ban cannot be asked; null if it can. */
export function obstacle(checkout: string): string | null {
  if (checkout === '') return 'needs F2B_CHECKOUT, a checkout of fail2ban 1.1.0';
  return existsSync(join(checkout, 'fail2ban/server/filter.py')) ? null : `no fail2ban in F2B_CHECKOUT=${checkout}`;
}

export class Oracle {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #reader: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor(checkout: string) {
    const program = join(import.meta.dirname, 'f2b-verdicts.py');
    this.#child = spawn('python3', [program, checkout]);
    this.#child.stderr.pipe(process.stderr);
    this.#reader = createInterface({ input: this.#child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** The filter's conf as fail2ban reads it from `base`, or why it refuses. */
  conf(base: string, name: string, options: Readonly<Record<string, string>>) {
    return this.#ask({ ask: 'conf', base, name, options }, answerSchema(confSchema));
  }

  /** A verdict for each line up to one that took too long; or why it refuses the filter. */
  judge(sequence: Sequence) {
    return this.#ask({ ask: 'judge', ...sequence }, answerSchema(z.array(verdictSchema)));
  }

  close(): void {
    this.#reader.close();
    this.#child.kill();
  }

  async #ask<T extends z.ZodType>(question: object, schema: T): Promise<z.output<T>> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('python3 has ended');
    return schema.parse(JSON.parse(line.value));
  }
}

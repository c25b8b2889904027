/** Python's own `re` as an oracle: one process, JSON lines in and out. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { z } from 'zod';

const program = `
import json, re, signal, sys, warnings
warnings.simplefilter('ignore')
def ring(*_): raise TimeoutError
signal.signal(signal.SIGALRM, ring)
def units(text, at): return at + sum(ord(c) > 0xffff for c in text[:at])
def spans(match, text):
    if match is None: return None
    regs = [match.span(g) for g in range(match.re.groups + 1)]
    return [[-1, -1] if s < 0 else [units(text, s), units(text, e)] for s, e in regs]
for line in sys.stdin:
    ask = json.loads(line)
    flags = (re.M if ask['multiline'] else 0) | (re.I if ask['ignoreCase'] else 0)
    try:
        regex = re.compile(ask['source'], flags)
    except Exception as error:
        print(json.dumps({'refused': str(error)}), flush=True)
        continue
    found = []
    for text in ask['texts']:
        signal.setitimer(signal.ITIMER_REAL, 1)
        try: found.append(spans(regex.search(text), text))
        except TimeoutError: found.append('timeout')
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps({'names': dict(regex.groupindex), 'found': found}), flush=True)
`;

const spansSchema = z.array(z.tuple([z.number(), z.number()]));
const answerSchema = z.union([
  z.object({ refused: z.string() }),
  z.object({
    names: z.record(z.string(), z.number()),
    found: z.array(z.union([z.null(), z.literal('timeout'), spansSchema])),
  }),
]);

export type Answer = z.infer<typeof answerSchema>;

export interface Question {
  readonly source: string;
  readonly multiline: boolean;
  readonly ignoreCase: boolean;
  readonly texts: readonly string[];
}

/** Why Python cannot be asked, or null: its regular expressions changed with 3.11. */
export function pythonMissing(): string | null {
  const asked = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 11))'], { encoding: 'utf8' });
  if (asked.error !== undefined) return 'needs python3';
  return asked.stdout.trim() === 'True' ? null : 'needs Python 3.11 or later';
}

export class Python {
  readonly #child: ChildProcessWithoutNullStreams = spawn('python3', ['-c', program]);
  readonly #reader: Interface = createInterface({ input: this.#child.stdout });
  readonly #lines: AsyncIterator<string> = this.#reader[Symbol.asyncIterator]();

  async ask(question: Question): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('python3 has ended');
    return answerSchema.parse(JSON.parse(line.value));
  }

  close(): void {
    this.#reader.close();
    this.#child.kill();
  }
}

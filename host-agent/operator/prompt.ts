/** Asks the person at the terminal; what is secret is not shown while it is typed or pasted. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { EdgebanError } from '../../shared/errors.ts';

export interface Prompt {
  /** False: nobody sits there, and nothing may be asked. */
  readonly isTerminal: boolean;
  /** A line, without blanks at its ends; '' at the end of input. */
  ask(question: string): Promise<string>;
  askHidden(question: string): Promise<string>;
}

export function processPrompt(signal: AbortSignal): Prompt {
  return {
    isTerminal: process.stdin.isTTY === true && process.stdout.isTTY === true,
    ask: (question) => ask(question, process.stdout, signal),
    askHidden: async (question) => {
      process.stdout.write(question);
      const answer = await ask('', nowhere(), signal);
      process.stdout.write('\n');
      return answer;
    },
  };
}

async function ask(question: string, output: NodeJS.WritableStream, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  lines.on('SIGINT', () => process.emit('SIGINT'));
  try {
    return (await lines.question(question, { signal })).trim();
  } catch (cause) {
    if (signal.aborted) throw new EdgebanError('ERR_INTERRUPTED', 'interrupted', { cause });
    throw cause;
  } finally {
    lines.close();
  }
}

/** What readline echoes goes here while a secret is typed. */
function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

/** A world for the operator's verbs: a terminal that remembers, a person whose answers are given beforehand. */

import { runVerb } from '../../host-agent/operator/program.ts';
import type { OperatorWorld } from '../../host-agent/operator/world.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { fakePorts, fakeTerminal } from '../cli/fake-ports.ts';

export interface Played {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Play {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Answers to questions, in order; without any, nobody sits at the terminal. */
  readonly answers?: readonly string[];
  readonly signal?: AbortSignal;
  /** Where the host's state would be. */
  readonly dir?: string;
  /** Waits pass at once, on its clock as long as they are. */
  readonly hasty?: boolean;
  /** Called with each line that is printed, errors too. */
  readonly heard?: (line: string) => void;
}

/** Runs `edgeban edge WORDS` in this process, as the program would: an error's code is printed after its text. */
export async function edge(words: readonly string[], play: Play = {}): Promise<Played> {
  const terminal = fakeTerminal(play.stdin ?? '');
  const { world, questions } = worldOf(terminal, play);
  const [verb = '', ...argv] = words;
  let code: number | null;
  try {
    code = await runVerb(verb, argv, world);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    terminal.err(
      `${error.file === undefined ? '' : `${error.file}: `}${error.message}; ${error.remedy ?? ''} ${error.code}`,
    );
    code = 255;
  }
  return { code, out: [...questions, ...terminal.stdout].join('\n'), err: terminal.stderr.join('\n') };
}

function worldOf(terminal: ReturnType<typeof fakeTerminal>, play: Play): { world: OperatorWorld; questions: string[] } {
  let skipped_s = 0;
  const questions: string[] = [];
  const left = [...(play.answers ?? [])];
  const answer = (question: string) => {
    questions.push(question);
    return Promise.resolve(left.shift() ?? '');
  };
  const { signal = new AbortController().signal, heard } = play;
  const aloud = (print: (text: string) => void) => (text: string) => {
    print(text);
    heard?.(text);
  };
  const loud = { ...terminal, out: aloud(terminal.out), err: aloud(terminal.err) };
  const world: OperatorWorld = {
    terminal: loud,
    env: play.env ?? {},
    prompt: { isTerminal: play.answers !== undefined, ask: answer, askHidden: answer },
    signal,
    now: () => Date.now() / 1000 + skipped_s,
    sleep: async (ms) => {
      const real_ms = Math.min(ms, play.hasty === true ? 1 : 200);
      await new Promise((resolve) => setTimeout(resolve, real_ms));
      if (play.hasty === true) skipped_s += (ms - real_ms) / 1000;
      if (signal.aborted) throw new EdgebanError('ERR_INTERRUPTED', 'interrupted');
    },
    serverSettings: fakePorts(play.dir ?? '/nowhere').serverSettings,
  };
  return { world, questions };
}

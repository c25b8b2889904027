/** The one writer to nft of this process: what comes while an nft runs goes together into the next transaction. */
import { EdgebanError } from '../../shared/errors.ts';
import { type NftProgram, NftRefusal, runNft } from './nft-process.ts';
import { changeKey, type ElementChange, elementScript, lastOfEach, type SetRef, setKey } from './nft-script.ts';
import { NftTalk } from './nft-talk.ts';

const TRANSACTION_CHANGES_MAX = 100_000;
const WAITING_CHANGES_MAX = 2_000_000;
/** One bad element among 1,000 takes about 20 runs; where far more is bad, the rest is refused unheard. */
const BISECT_RUNS_MAX = 400;
/** More than these take longer than starting an nft does. */
const TALK_CHANGES_MAX = 200;

/** Runs one script or listing while nothing else of this process runs. */
export interface NftSession {
  script(text: string): Promise<void>;
  /** The objects under `nftables` of `nft -j …`. Throws ERR_NFT_OUTPUT if it is not that. */
  list(args: readonly string[]): Promise<readonly unknown[]>;
  /** All tables (of a family), without the elements of their sets. */
  ruleset(family?: string): Promise<readonly unknown[]>;
  /** Is the address (canonical) in the set? Not if there is no such set either. */
  has(set: SetRef, address: string): Promise<boolean>;
}

/** An address or network (canonical) as it was added to a set. */
export interface Element {
  readonly set: SetRef;
  readonly element: string;
}

export interface Nft {
  readonly command: readonly string[];
  /** Errors by position in `changes`; null where it was done. Never throws for a change. */
  change(changes: readonly ElementChange[]): Promise<readonly (EdgebanError | null)[]>;
  exclusively<T>(work: (session: NftSession) => Promise<T>): Promise<T>;
  /** As a session's `ruleset`; who asks while somebody waits for the answer gets the same one. */
  glance(family: string): Promise<readonly unknown[]>;
  /** Are all of these in their sets? Takes no longer for a large set of single addresses than for a small one. */
  hasEach(elements: readonly Element[]): Promise<boolean>;
  /** Settles when all that was asked for is done. */
  drained(): Promise<void>;
  /** Ends the nft that waits for work; more work begins another. */
  close(): void;
}

type Verdicts = Map<string, EdgebanError>;

interface Waiting {
  readonly changes: readonly ElementChange[];
  readonly settle: (verdicts: Verdicts) => void;
}

interface Question {
  readonly elements: readonly Element[];
  readonly resolve: (isThere: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** `changes` wait in line together, and so do questions; a function runs alone. */
type Job = Waiting | Question | (() => Promise<void>);

export function createNft(options: Partial<NftProgram> = {}): Nft {
  return new NftQueue({ command: options.command ?? ['nft'], timeout_ms: options.timeout_ms ?? 30_000 });
}

class NftQueue implements Nft {
  readonly command: readonly string[];
  readonly #program: NftProgram;
  readonly #talk: NftTalk;
  readonly #jobs: Job[] = [];
  readonly #glances = new Map<string, Promise<readonly unknown[]>>();
  #waiting = 0;
  #running: Promise<void> | null = null;

  constructor(program: NftProgram) {
    this.#program = program;
    this.#talk = new NftTalk(program);
    this.command = program.command;
  }

  async change(changes: readonly ElementChange[]): Promise<readonly (EdgebanError | null)[]> {
    if (changes.length === 0) return [];
    if (this.#waiting + changes.length > WAITING_CHANGES_MAX) return changes.map(() => busy());
    this.#waiting += changes.length;
    const verdicts = await new Promise<Verdicts>((settle) => this.#push({ changes, settle }));
    return changes.map((change) => (verdicts.size === 0 ? null : (verdicts.get(changeKey(change)) ?? null)));
  }

  exclusively<T>(work: (session: NftSession) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#push(() => work(this.#session()).then(resolve, reject));
    });
  }

  glance(family: string): Promise<readonly unknown[]> {
    const asked = this.#glances.get(family);
    if (asked !== undefined) return asked;
    const glance = this.exclusively((session) => session.ruleset(family)).finally(() => this.#glances.delete(family));
    this.#glances.set(family, glance);
    return glance;
  }

  hasEach(elements: readonly Element[]): Promise<boolean> {
    if (elements.length === 0) return Promise.resolve(true);
    return new Promise((resolve, reject) => this.#push({ elements, resolve, reject }));
  }

  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  close(): void {
    this.#talk.close();
  }

  #session(): NftSession {
    const list: NftSession['list'] = async (args) => objectsOf(await runNft(this.#program, ['-j', ...args], ''));
    return {
      script: (text) => this.#run(text),
      list,
      // not `list table`: nft then reads all elements of its sets, though it is told to print none (0.4 s at 50,000)
      ruleset: (family) => list(['-t', 'list', 'ruleset', ...(family === undefined ? [] : [family])]),
      // `get element` knows no JSON (nft 1.0.6): whether it finds the element is what its end says
      has: (set, address) => this.#works(['get', 'element', set.family, set.table, set.set, `{ ${address} }`]),
    };
  }

  /** False: something that is named in `args` is not there. */
  async #works(args: readonly string[]): Promise<boolean> {
    try {
      await runNft(this.#program, args, '');
      return true;
    } catch (error) {
      if (error instanceof NftRefusal && error.reason === 'gone') return false;
      throw error;
    }
  }

  #push(job: Job): void {
    this.#jobs.push(job);
    this.#running ??= this.#work();
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // whatever is asked for in the same turn goes together
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      if (typeof job === 'function') {
        this.#jobs.shift();
        await job();
      } else if ('elements' in job) await this.#answer(this.#takeQuestions());
      else await this.#transact(this.#takeWaiting());
    }
    // In the same turn as the look at the empty queue: what is pushed from now on starts the work anew.
    this.#running = null;
  }

  #takeQuestions(): Question[] {
    const taken: Question[] = [];
    for (let job = this.#jobs[0]; job !== undefined && 'elements' in job; job = this.#jobs[0]) {
      this.#jobs.shift();
      taken.push(job);
    }
    return taken;
  }

  /** Of all together first: mostly nothing is missing. */
  async #answer(questions: readonly Question[]): Promise<void> {
    try {
      const all = await this.#works(['-c', questions.flatMap(({ elements }) => elements.map(deletion)).join('; ')]);
      if (!all && questions.length > 1) for (const question of questions) await this.#answer([question]);
      else for (const { resolve } of questions) resolve(all);
    } catch (error) {
      for (const { reject } of questions) reject(error);
    }
  }

  /** All changes up to the next job of another kind, at least one job's, bounded. */
  #takeWaiting(): Waiting[] {
    const taken: Waiting[] = [];
    let count = 0;
    for (let job = this.#jobs[0]; job !== undefined && 'changes' in job; job = this.#jobs[0]) {
      if (taken.length > 0 && count + job.changes.length > TRANSACTION_CHANGES_MAX) break;
      this.#jobs.shift();
      count += job.changes.length;
      taken.push(job);
    }
    this.#waiting -= count;
    return taken;
  }

  async #transact(waiting: readonly Waiting[]): Promise<void> {
    const verdicts: Verdicts = new Map();
    const changes = lastOfEach(waiting.flatMap((one) => one.changes));
    const budget = { runs: BISECT_RUNS_MAX };
    for (let i = 0; i < changes.length; i += TRANSACTION_CHANGES_MAX) {
      await this.#tryAll(changes.slice(i, i + TRANSACTION_CHANGES_MAX), verdicts, budget);
    }
    for (const one of waiting) one.settle(verdicts);
  }

  async #tryAll(changes: readonly ElementChange[], verdicts: Verdicts, budget: { runs: number }): Promise<void> {
    budget.runs -= 1;
    const script = elementScript(changes);
    // its script may be run again, for it says how all is to be: whom the quick one refuses, the slow one judges
    if (changes.length <= TALK_CHANGES_MAX && (await this.#talk.say(script.trim().replaceAll('\n', '; ')))) return;
    const error = await this.#refusal(script);
    if (error === null) return;
    const parts = budget.runs > 0 ? partsOf(changes, error) : [];
    if (parts.length < 2) {
      for (const change of changes) verdicts.set(changeKey(change), verdictOf(change, error));
      return;
    }
    for (const part of parts) await this.#tryAll(part, verdicts, budget);
  }

  async #run(script: string): Promise<void> {
    await runNft(this.#program, ['-f', '-'], script);
    this.#talk.warm();
  }

  async #refusal(script: string): Promise<EdgebanError | null> {
    try {
      await this.#run(script);
      return null;
    } catch (error) {
      // Whoever waits must hear of our own bugs too.
      return error instanceof EdgebanError ? error : new EdgebanError('ERR_INTERNAL', String(error), { cause: error });
    }
  }
}

/** What to try apart after a refusal: set by set, then halves; nothing where it cannot help. */
function partsOf(changes: readonly ElementChange[], error: EdgebanError): readonly (readonly ElementChange[])[] {
  if (!(error instanceof NftRefusal) || error.reason === 'denied') return [];
  const bySet = [...Map.groupBy(changes, (change) => setKey(change.set)).values()];
  if (bySet.length > 1) return bySet;
  // A set that is not there is not there for any element.
  if (error.reason === 'gone' || changes.length === 1) return [];
  const half = changes.length >> 1;
  return [changes.slice(0, half), changes.slice(half)];
}

/** A deletion that is only tried (`-c`) says whether the element is there; `get element` has nft read the whole set first. */
function deletion({ set, element }: Element): string {
  return `delete element ${setKey(set)} { ${element} }`;
}

function verdictOf(change: ElementChange, error: EdgebanError): EdgebanError {
  if (!(error instanceof NftRefusal) || error.reason !== 'gone') return error;
  const remedy = 'edgeban makes it anew by itself; if it happens again, see what else writes to this table';
  return new EdgebanError('ERR_ACTION_GONE', `nft: set ${setKey(change.set)} is not there any more`, { remedy });
}

function busy(): EdgebanError {
  return new EdgebanError('ERR_NFT_BUSY', `more than ${WAITING_CHANGES_MAX} changes wait for nft`);
}

function objectsOf(json: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw new EdgebanError('ERR_NFT_OUTPUT', 'nft printed no JSON', { cause, remedy: 'nft must be 1.0.2 or later' });
  }
  const objects = typeof parsed === 'object' && parsed !== null && 'nftables' in parsed ? parsed.nftables : null;
  if (!Array.isArray(objects)) throw new EdgebanError('ERR_NFT_OUTPUT', 'nft printed JSON without "nftables"');
  return objects;
}

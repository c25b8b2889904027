/** One nft that stays (`nft -i`): a small transaction takes it half a millisecond, where starting an nft takes ten or more. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { type NftProgram, nftEnvironment } from './nft-process.ts';

/** nft remembers each line that it was given: after so much it makes room for a new one. */
const SAID_BYTES_MAX = 2 * 1024 * 1024;
const COMPLAINT_BYTES_MAX = 64 * 1024;
/** After it has failed, others do its work for a while. */
const REST_MS_MIN = 1_000;
const REST_MS_MAX = 60_000;
const ANSWER_MS_MAX = 5_000;

/**
 * Transactions one after the other, each a line. What it cannot vouch for (a complaint, a time-out, its death) it does not
 * judge: `say` answers false, and the caller, whose transactions may be repeated, asks a fresh nft, which has an exit status.
 */
export class NftTalk {
  readonly #program: NftProgram;
  #speaker: Speaker | null = null;
  #restUntil = 0;
  #rest_ms = REST_MS_MIN;

  constructor(program: NftProgram) {
    this.#program = program;
  }

  /** Has an nft wait for the next transaction. */
  warm(): void {
    if (this.#speaker === null && performance.now() >= this.#restUntil) this.#speaker = new Speaker(this.#program);
  }

  /** True: nft has done all of `line` and said nothing against it. */
  async say(line: string): Promise<boolean> {
    this.warm();
    const speaker = this.#speaker;
    if (speaker === null) return false;
    const answer = await speaker.say(line);
    if (answer === 'dead') this.#giveUp();
    if (answer === 'done') this.#rest_ms = REST_MS_MIN;
    if (answer !== 'dead' && speaker.said_bytes > SAID_BYTES_MAX) {
      this.close();
      this.warm();
    }
    return answer === 'done';
  }

  close(): void {
    this.#speaker?.close();
    this.#speaker = null;
  }

  #giveUp(): void {
    this.close();
    this.#restUntil = performance.now() + this.#rest_ms;
    this.#rest_ms = Math.min(this.#rest_ms * 2, REST_MS_MAX);
  }
}

type Answer = 'done' | 'refused' | 'dead';

/** The process. Behind each line goes a word that nft does not know: when it complains of that, it has done the line. */
class Speaker {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #timeout_ms: number;
  #count = 0;
  #complaint = '';
  #isDead = false;
  #settle: ((answer: Answer) => void) | null = null;
  said_bytes = 0;

  constructor(program: NftProgram) {
    const [file, ...first] = program.command;
    this.#timeout_ms = Math.min(program.timeout_ms, ANSWER_MS_MAX);
    this.#child = spawn(file, [...first, '-i'], { env: nftEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.on('error', () => this.#die());
    this.#child.on('close', () => this.#die());
    this.#child.stdin.on('error', () => this.#die());
    this.#child.stdout.on('data', () => undefined); // it must not fill up
    this.#child.stderr.on('data', (chunk: Buffer) => this.#hear(chunk.toString('latin1')));
    // it ends when our end of the pipe is closed; while nothing is asked of it, nobody waits for it
    this.#child.unref();
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr])
      if (pipe instanceof Socket) pipe.unref();
  }

  say(line: string): Promise<Answer> {
    if (this.#isDead) return Promise.resolve('dead');
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => this.#die(), this.#timeout_ms);
    this.#settle = (answer) => {
      clearTimeout(timer);
      this.#settle = null;
      resolve(answer);
    };
    this.#count += 1;
    const text = `${line}\n${this.#word()}\n`;
    this.said_bytes += text.length;
    this.#child.stdin.write(text);
    return promise;
  }

  close(): void {
    this.#isDead = true;
    this.#child.stdin.end();
    this.#child.kill('SIGTERM');
  }

  #word(): string {
    return `edgeban${this.#count}`;
  }

  #hear(text: string): void {
    this.#complaint += text;
    // the word stands in a line of its own, under `Error: syntax error, …` and over a line of carets
    const end = new RegExp(`(?:^|\\n)[^\\n]*\\n${this.#word()}\\n *\\^+\\n`).exec(this.#complaint);
    if (end !== null) {
      const before = this.#complaint.slice(0, end.index);
      this.#complaint = this.#complaint.slice(end.index + end[0].length);
      this.#settle?.(before.trim() === '' ? 'done' : 'refused');
    } else if (this.#complaint.length > COMPLAINT_BYTES_MAX) this.#die();
  }

  #die(): void {
    if (!this.#isDead) this.#child.kill('SIGKILL');
    this.#isDead = true;
    this.#settle?.('dead');
  }
}

/** A terminal that is taken over for a while, and given back as it was, whatever happens. */
import type { Paint, Row, Size } from './screen.ts';

const enter = '\x1b[?1049h\x1b[?25l';
const leave = '\x1b[0m\x1b[?25h\x1b[?1049l';

const colours: Readonly<Record<Paint, string>> = {
  plain: '',
  title: '\x1b[1m',
  good: '\x1b[32m',
  bad: '\x1b[31m',
  dim: '\x1b[2m',
};

const ctrl_c = '\x03';
const ctrl_z = '\x1a';

export interface LiveOptions {
  readonly colours: boolean;
  /** What is shown at this moment. */
  rows(size: Size): readonly Row[];
}

export class LiveTerminal {
  readonly #options: LiveOptions;
  readonly #done = Promise.withResolvers<void>();
  #isOpen = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Resolves when the user has had enough: q, Ctrl-C, a signal, or a terminal that is gone. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  open(): void {
    this.#enter();
    process.stdin.on('data', this.#key);
    process.stdin.once('end', this.#end);
    process.stdout.on('resize', this.draw);
    process.stdout.once('error', this.#end);
    process.on('SIGCONT', this.#resume);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, this.#end);
    // whatever ends this process
    process.once('exit', this.#leave);
  }

  close(): void {
    this.#leave();
    process.stdin.off('data', this.#key).off('end', this.#end).pause();
    process.stdout.off('resize', this.draw);
    process.off('SIGCONT', this.#resume);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#end);
    process.off('exit', this.#leave);
  }

  readonly draw = (): void => {
    if (!this.#isOpen) return;
    const { columns, rows } = process.stdout;
    const lines = this.#options.rows({ columns: columns || 80, rows: rows || 24 }).map((row) => this.#line(row));
    process.stdout.write(`\x1b[H${lines.join('\r\n')}\x1b[J`);
  };

  #line({ text, paint }: Row): string {
    const colour = this.#options.colours ? colours[paint] : '';
    return colour === '' ? `${text}\x1b[K` : `${colour}${text}\x1b[0m\x1b[K`;
  }

  #enter(): void {
    this.#isOpen = true;
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdout.write(enter);
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdout.write(leave);
  };

  readonly #end = (): void => this.#done.resolve();

  readonly #resume = (): void => {
    if (!this.#isOpen) this.#enter();
    this.draw();
  };

  readonly #key = (bytes: Buffer): void => {
    const keys = bytes.toString('latin1');
    if (/[qQ]/.test(keys) || keys.includes(ctrl_c)) this.#end();
    else if (keys.includes(ctrl_z)) {
      this.#leave();
      process.kill(process.pid, 'SIGSTOP');
    }
  };
}

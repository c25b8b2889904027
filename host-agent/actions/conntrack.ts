/** Takes the connections of banned addresses out of the kernel's table (`kill-mode = conntrack`), by the program conntrack. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { canonical, type Family, formatPrefix, isSingle, type Prefix, parsePrefix } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { findProgram } from '../system/programs.ts';
import { nftEnvironment } from './nft-process.ts';

const conntrackLimits = {
  /** Of one run of the program: a table of a million connections is listed in a few seconds. */
  timeout_ms: 30_000,
  /** Addresses that wait for their turn; more are not looked for (their packets do not pass all the same). */
  waiting_max: 100_000,
  complaint_chars_max: 300,
} as const;

interface ConntrackOptions {
  /** The program and its first arguments. Never a shell. */
  readonly command?: readonly [string, ...string[]];
  /** What the program could not do. Whoever is banned stays banned. */
  readonly failed?: (error: EdgebanError) => void;
}

/** One for all jails of the process: one run at a time. */
export class Conntrack {
  readonly #command: readonly [string, ...string[]];
  readonly #failed: (error: EdgebanError) => void;
  #waiting = new Map<string, Prefix>();
  #work: Promise<void> | undefined;

  constructor({ command = ['conntrack'], failed = () => undefined }: ConntrackOptions = {}) {
    this.#command = command;
    this.#failed = failed;
  }

  /** Throws ERR_ACTION_PARAMETER where there is no such program. */
  check(): void {
    const [program] = this.#command;
    if (findProgram(program) !== null) return;
    throw new EdgebanError('ERR_ACTION_PARAMETER', `kill-mode = conntrack: there is no program ${program}`, {
      remedy: 'apt install conntrack, or leave kill-mode out',
    });
  }

  /**
   * Ends what these addresses and networks (in canonical form) have open. Resolves when that, and all before it, has been
   * tried; nobody need wait for it.
   */
  kill(addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const prefix = parsePrefix(address);
      if (prefix !== null && this.#waiting.size < conntrackLimits.waiting_max) this.#waiting.set(address, prefix);
    }
    this.#work ??= this.#drain().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  async #drain(): Promise<void> {
    // what is asked for in the same turn is looked for in one listing
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const banned = [...this.#waiting.values()];
      this.#waiting = new Map();
      try {
        for (const family of [4, 6] as const)
          await this.#end(
            family,
            banned.filter((prefix) => prefix.family === family),
          );
      } catch (error) {
        this.#failed(error instanceof EdgebanError ? error : refused(String(error)));
      }
    }
  }

  /** A single address is named to the program; of more, only those that the table has. */
  async #end(family: Family, banned: readonly Prefix[]): Promise<void> {
    const [only] = banned;
    const isOne = banned.length === 1 && only !== undefined && isSingle(only);
    const open = isOne ? [formatPrefix(only)] : await this.#openOf(family, banned);
    for (const address of open) await this.#run(['-D', '-f', `ipv${family}`, '-s', address], () => undefined);
  }

  async #openOf(family: Family, banned: readonly Prefix[]): Promise<Iterable<string>> {
    const found = new Set<string>();
    if (banned.length === 0) return found;
    const names = new Set(banned.map(formatPrefix));
    const lengths = [...new Set(banned.map(({ bits }) => bits))];
    const isBanned = (source: string) => lengths.some((bits) => names.has(canonical(`${source}/${bits}`) ?? ''));
    await this.#run(['-L', '-f', `ipv${family}`], (line) => {
      const source = / src=(\S+)/.exec(line)?.[1];
      if (source !== undefined && !found.has(source) && isBanned(source)) found.add(source);
    });
    return found;
  }

  /** Resolves when it has ended well, or had nothing to delete. */
  #run(args: readonly string[], take: (line: string) => void): Promise<void> {
    const [file, ...first] = this.#command;
    const env = nftEnvironment();
    const child = spawn(file, [...first, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), conntrackLimits.timeout_ms);
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString('utf8')).slice(0, conntrackLimits.complaint_chars_max);
    });
    createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', take);
    return new Promise((resolve, reject) => {
      child.on('error', (error) => {
        clearTimeout(timer);
        reject(refused(error.message));
      });
      child.on('close', (status) => {
        clearTimeout(timer);
        if (status === 0 || complaint.includes(' 0 flow entries')) resolve();
        else
          reject(refused(complaint.trim() || (status === null ? 'it did not end in time' : `exit status ${status}`)));
      });
    });
  }
}

function refused(said: string): EdgebanError {
  return new EdgebanError('ERR_CONNTRACK_REFUSED', `conntrack: ${said}`, {
    remedy: 'who is banned stays banned; only what he had open may stay in the table of connections',
  });
}

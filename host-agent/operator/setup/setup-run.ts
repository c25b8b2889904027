/** One run of setup: what was given, what stands so far, and the record that is written before and after each thing is made. */
import type { CloudflareApi } from '../cloudflare-api.ts';
import type { CommonWords } from '../words.ts';
import type { OperatorWorld } from '../world.ts';
import { stopIfInterrupted } from '../world.ts';
import { type SetupFiles, type SetupRecord, writeRecord } from './record.ts';
import type { VerifiedToken } from './token.ts';

/** The options, with what stands in their place where they are not given. */
export interface Given extends CommonWords {
  /** Of the Worker; its KV namespace is `<name>-bans`. */
  readonly name: string;
  readonly list: string;
  /** Of the second list; '': none. */
  readonly challengeList: string;
  readonly turnstileSecretFile: string | undefined;
  readonly allow: string;
  readonly url: string | undefined;
  readonly runtimeTokenFile: string | undefined;
  readonly alertFiles: { readonly ntfy: string | undefined; readonly webhook: string | undefined };
  readonly wrangler: string | undefined;
  readonly worker: string | undefined;
  readonly adoptList: boolean;
  /** What has our names is ours: for when the record was lost. */
  readonly takeOver: boolean;
}

/** How a thing was found: `removed` (no longer needed), `made`, `changed`, `taken` (pasted), `adopted` (shared with others), or the `same` as before. */
export type Outcome = 'removed' | 'made' | 'changed' | 'taken' | 'adopted' | 'same';

export interface Step {
  readonly what: string;
  readonly name: string;
  readonly outcome: Outcome;
}

const words: Readonly<Record<Outcome, string>> = {
  removed: 'taken away',
  made: 'made',
  changed: 'changed',
  taken: 'taken as given',
  adopted: 'adopted: it stays when edgeban goes',
  same: 'there already',
};

export class Setup {
  readonly world: OperatorWorld;
  readonly files: SetupFiles;
  readonly api: CloudflareApi;
  readonly token: VerifiedToken;
  readonly steps: Step[] = [];
  /** The set-up token; for wrangler's environment, and nowhere else. */
  readonly secret: string;
  given: Given;
  record: SetupRecord;

  constructor(parts: Pick<Setup, 'world' | 'files' | 'api' | 'token' | 'secret' | 'given' | 'record'>) {
    this.world = parts.world;
    this.files = parts.files;
    this.api = parts.api;
    this.token = parts.token;
    this.secret = parts.secret;
    this.given = parts.given;
    this.record = parts.record;
  }

  /** Writes the record with these changes; nothing is written where nothing changed. */
  keep(changes: Partial<SetupRecord>): void {
    stopIfInterrupted(this.world.signal);
    const next = { ...this.record, ...changes };
    if (JSON.stringify(next) === JSON.stringify(this.record)) return;
    this.record = next;
    writeRecord(this.files.record, next);
  }

  tell(what: string, name: string, outcome: Outcome): void {
    this.steps.push({ what, name, outcome });
    this.say(`   ${what} ${name}: ${words[outcome]}`);
  }

  say(line: string): void {
    if (!this.given.json) this.world.terminal.out(line);
  }

  get changed(): boolean {
    return this.steps.some(({ outcome }) => outcome !== 'same');
  }
}

/** One thing that an administrator does, and what he reads back. */
import type { Machine } from './machine.ts';

export interface Packages {
  /** Files, as built by `npm run package`. */
  readonly edgeban: string;
  readonly companion: string;
  /** The same as `edgeban` with a higher version. */
  readonly newer: string;
}

export interface Walk {
  readonly machine: Machine;
  readonly packages: Packages;
}

export interface Step {
  readonly name: string;
  /** Returns what was read back; throws where it is not as it should be. */
  play(walk: Walk): Promise<string | readonly string[]>;
}

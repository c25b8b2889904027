/** Where an enrolled host keeps what it knows of its Worker. By itself, because a host that is not enrolled need not load more. */
import { statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';

export interface EdgeFiles {
  readonly settings: string;
  readonly key: string;
}

/** Beside the database `dbfile`; for `None` and `:memory:` in the default state folder. */
export function edgeFiles(dbfile: string): EdgeFiles {
  const folder = isAbsolute(dbfile) ? dirname(dbfile) : '/var/lib/edgeban';
  return { settings: join(folder, 'edge.json'), key: join(folder, 'edge.key') };
}

/** Are there settings, whatever is in them? */
export function areSettings({ settings }: EdgeFiles): boolean {
  return statSync(settings, { throwIfNoEntry: false }) !== undefined;
}

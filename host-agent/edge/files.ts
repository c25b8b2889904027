/** Where an enrolled host keeps what it knows of its Worker. By itself, because a host that is not enrolled need not load more. */
import { statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { EdgeSettings } from './settings.ts';

export interface EdgeFiles {
  readonly settings: string;
  readonly key: string;
}

/** Beside the database `dbfile`; for `None` and `:memory:` in the default state folder. */
export function edgeFiles(dbfile: string): EdgeFiles {
  const folder = isAbsolute(dbfile) ? dirname(dbfile) : '/var/lib/edgeban';
  return { settings: join(folder, 'edge.json'), key: join(folder, 'edge.key') };
}

/** Null if the host is not enrolled: what checks the settings takes 8 MB, which it does not need then. */
export async function enrolment(dbfile: string): Promise<EdgeSettings | null> {
  const { settings } = edgeFiles(dbfile);
  if (statSync(settings, { throwIfNoEntry: false }) === undefined) return null;
  const { readSettings, withCredential } = await import('./settings.ts');
  return withCredential(readSettings(settings), process.env);
}

/** The packages under test, as `npm run package` left them, and one that is newer. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../host-agent/version.ts';
import type { Packages } from './step.ts';

/** `shelf`: where the newer package is made. */
export function packagesIn(dist: string, shelf: string): Packages {
  const edgeban = found(join(dist, `edgeban_${version}-1_amd64.deb`));
  const companion = found(join(dist, `edgeban-fail2ban_${version}-1_all.deb`));
  return { edgeban, companion, newer: rebuilt(edgeban, shelf) };
}

function found(file: string): string {
  if (!existsSync(file)) throw new Error(`${file} is not there: npm run package`);
  return file;
}

/** The same once more, with a version that is higher. */
function rebuilt(file: string, shelf: string): string {
  const tree = join(shelf, 'newer');
  execFileSync('dpkg-deb', ['--raw-extract', file, tree]);
  const control = join(tree, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, '$&+next'));
  const newer = join(shelf, 'newer.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, newer], { stdio: 'ignore' });
  return newer;
}

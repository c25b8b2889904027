/** Puts a tree of files into a .deb: control files, checksums, owners and times that are the same in every build. */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.ts';

export interface DebParts {
  /** Folder with the tree as it is to be installed. */
  readonly root: string;
  /** Texts of control, postinst, …; `@size@` in control is filled in. */
  readonly control: Readonly<Record<string, string>>;
  /** Path of the package to be written. */
  readonly file: string;
  /** Seconds since 1970: no file in it is newer. */
  readonly epoch: number;
  /** 0 (quick, for a try) to 9. */
  readonly compression: number;
}

const scripts: ReadonlySet<string> = new Set(['preinst', 'postinst', 'prerm', 'postrm']);

/** Writes the package and returns its installed size in KiB, as dpkg counts it. Needs no root. */
export function writeDeb({ root, control, file, epoch, compression }: DebParts): number {
  const files = filesIn(root);
  const size_kib = files.reduce((sum, path) => sum + Math.ceil(lstatSync(join(root, path)).size / 1024), 0);
  const folder = join(root, 'DEBIAN');
  mkdirSync(folder);
  const conffiles = files.filter((path) => path.startsWith('etc/')).map((path) => `/${path}\n`);
  const md5sums = files.filter((path) => lstatSync(join(root, path)).isFile()).map((path) => md5Line(root, path));
  const texts = { ...control, conffiles: conffiles.join(''), md5sums: md5sums.join('') };
  for (const [name, text] of Object.entries(texts)) {
    if (text === '') continue;
    writeFileSync(join(folder, name), text.replaceAll('@size@', String(size_kib)));
    chmodSync(join(folder, name), scripts.has(name) ? 0o755 : 0o644);
  }
  chmodSync(folder, 0o755);
  // xz: Debian 11's dpkg knows no zstd
  const env = { SOURCE_DATE_EPOCH: String(epoch) };
  run('dpkg-deb', ['--root-owner-group', '-Zxz', `-z${compression}`, '--build', root, file], { env });
  return size_kib;
}

/** Every file and link below, sorted. */
export function filesIn(root: string, folder = ''): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesIn(root, path) : [path];
    });
}

function md5Line(root: string, path: string): string {
  return `${createHash('md5')
    .update(readFileSync(join(root, path)))
    .digest('hex')}  ${path}\n`;
}

/** The C library and headers of the oldest Debian that a package must run on, to compile against. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { BuildError, run, say } from './commands.ts';
import { isForeign, oldest, type Target } from './target.ts';

const packages = ['libc6', 'libc6-dev', 'linux-libc-dev', 'libcrypt1', 'libcrypt-dev', 'libgcc-s1'];
/** What Node needs to run by an emulator. */
const packagesToRun = ['libstdc++6'];
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** After this machine's own: where Debian keeps what it keeps. */
const publicArchives = ['http://deb.debian.org/debian', 'http://archive.debian.org/debian'];

/** The folder for --sysroot; fetched once, checked by Debian's signatures. Needs no root. */
export function sysroot(cache: string, target: Target): string {
  const root = join(cache, `sysroot-${oldest.release}-${target.debian}`);
  if (existsSync(root)) return root;
  const draft = `${root}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  say(`fetching the C library of Debian's ${oldest.release} (${target.debian})`);
  for (const file of download(`${draft}-apt`, target)) run('dpkg-deb', ['-x', file, draft]);
  makeLinksRelative(draft, draft);
  rmSync(`${draft}-apt`, { recursive: true });
  renameSync(draft, root);
  return root;
}

/** From the first archive that has them: by an apt that knows of no other, and leaves this machine's alone. */
function download(folder: string, target: Target): string[] {
  const failures: string[] = [];
  for (const archive of [...ownArchives(), ...publicArchives]) {
    try {
      return downloadFrom(archive, folder, target);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      failures.push(error.message);
    }
  }
  throw new BuildError(`no archive has Debian's ${oldest.release} for ${target.debian}:\n${failures.join('\n')}`);
}

function downloadFrom(archive: string, folder: string, target: Target): string[] {
  rmSync(folder, { recursive: true, force: true });
  for (const part of ['lists/partial', 'cache/archives/partial', 'debs']) {
    mkdirSync(join(folder, part), { recursive: true });
  }
  const sources = join(folder, 'sources.list');
  writeFileSync(sources, `deb [arch=${target.debian} signed-by=${keyring}] ${archive} ${oldest.release} main\n`);
  const settings = {
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(folder, 'cache'),
    'APT::Architecture': target.debian,
    'APT::Architectures': target.debian,
    'APT::Sandbox::User': '',
    // an old release's index is as old as its last change
    'Acquire::Check-Valid-Until': 'false',
    'Acquire::Languages': 'none',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const cwd = join(folder, 'debs');
  run('apt-get', ['-q', ...options, '-o', 'APT::Update::Error-Mode=any', 'update'], { cwd });
  const wanted = isForeign(target) ? [...packages, ...packagesToRun] : packages;
  run('apt-get', ['-q', ...options, 'download', ...wanted], { cwd });
  return readdirSync(cwd).map((name) => join(cwd, name));
}

/** The archives of this machine's own apt, without those of security updates and others. */
function ownArchives(): string[] {
  const format = '$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI)';
  const lines = run('apt-get', ['indextargets', '--format', format]).split('\n');
  const found = lines.map((line) => /^Packages main \w+ (\S*\/debian)\/?$/.exec(line)?.[1]);
  return [...new Set(found.filter((archive) => archive !== undefined))];
}

/** A link to /lib/… would lead out of the sysroot. */
function makeLinksRelative(folder: string, root: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeLinksRelative(path, root);
    if (!entry.isSymbolicLink()) continue;
    const target = readlinkSync(path);
    if (!target.startsWith('/')) continue;
    rmSync(path);
    symlinkSync(relative(dirname(path), join(root, target)), path);
  }
}

/** What stands where in the packages, beside the programs themselves. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { completion, type HelpOf, manualPages } from './pages.ts';
import type { Tree } from './tree.ts';

const here = fileURLToPath(new URL('./', import.meta.url));
const require = createRequire(import.meta.url);

export interface Edition {
  /** With the revision: `0.1.0-1`. */
  readonly version: string;
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly epoch: number;
}

export const programs = ['edgeban', 'edgeban-client', 'edgeban-server', 'edgeban-regex'];
const units = 'lib/systemd/system';
const drafts = 'usr/share/doc/edgeban/examples';

/** Fills the tree of the package edgeban; returns its control files. */
export function edgeban(tree: Tree, edition: Edition, nodeDir: string, helpOf: HelpOf): Record<string, string> {
  const from = (name: string) => join(here, 'edgeban', name);
  const [first = '', ...others] = programs;
  tree.copy(`usr/bin/${first}`, from('launcher'), 0o755);
  for (const name of others) tree.link(`usr/bin/${name}`, first);
  tree.copyAll('etc/edgeban', join(here, '../etc'));
  tree.copy('etc/edgeban/jail.d/00-defaults-debian.conf', from('00-defaults-debian.conf'));
  tree.folder('etc/edgeban/edgeban.d');
  tree.copy('etc/logrotate.d/edgeban', from('edgeban.logrotate'));
  tree.copy(`${units}/edgeban.service`, from('edgeban.service'));
  tree.copy('usr/lib/tmpfiles.d/edgeban.conf', from('edgeban.tmpfiles'));
  tree.copy(`${drafts}/mail.conf`, from('mail.conf'));
  for (const name of ['grafana.json', 'prometheus-rules.yml'])
    tree.copy(`${drafts}/${name}`, join(here, '../../docs', name));
  for (const [path, text] of Object.entries(manualPages({ ...edition, helpOf })))
    tree.packed(`usr/share/man/${path}`, text);
  tree.text('usr/share/bash-completion/completions/edgeban-client', completion(helpOf));
  for (const name of others.filter((name) => name !== 'edgeban-client').concat(first)) {
    tree.link(`usr/share/bash-completion/completions/${name}`, 'edgeban-client');
  }
  tree.packed('usr/share/doc/edgeban/LICENSE.node', readFileSync(join(nodeDir, 'LICENSE')));
  tree.packed('usr/share/doc/edgeban/LICENSE.re2', re2Licences());
  documents(tree, 'edgeban', edition);
  return controlFiles('edgeban', edition);
}

/** Fills the tree of the package edgeban-fail2ban; returns its control files. */
export function companion(tree: Tree, edition: Edition): Record<string, string> {
  const from = (name: string) => join(here, 'edgeban-fail2ban', name);
  tree.copy('usr/bin/fail2ban-client', from('launcher'), 0o755);
  for (const name of ['fail2ban-server', 'fail2ban-regex']) tree.link(`usr/bin/${name}`, 'fail2ban-client');
  tree.copy(`${units}/edgeban.service.d/fail2ban.conf`, from('fail2ban.conf'));
  tree.link(`${units}/fail2ban.service`, 'edgeban.service');
  for (const name of ['client', 'server', 'regex']) {
    tree.link(`usr/share/man/man1/fail2ban-${name}.1.gz`, `edgeban-${name}.1.gz`);
    tree.link(`usr/share/bash-completion/completions/fail2ban-${name}`, 'edgeban-client');
  }
  documents(tree, 'edgeban-fail2ban', edition);
  return controlFiles('edgeban-fail2ban', edition);
}

function documents(tree: Tree, name: string, edition: Edition): void {
  tree.copy(`usr/share/doc/${name}/copyright`, join(here, 'edgeban/copyright'));
  tree.copy(`usr/share/lintian/overrides/${name}`, join(here, name, 'lintian-overrides'));
  const date = new Date(edition.epoch * 1000).toUTCString().replace('GMT', '+0000');
  const author = /^Maintainer: (.*)$/m.exec(readFileSync(join(here, 'edgeban/control'), 'utf8'))?.[1] ?? '';
  const entry = `${name} (${edition.version}) unstable; urgency=medium\n\n  * See CHANGELOG.md in the sources.\n\n -- ${author}  ${date}\n`;
  tree.packed(`usr/share/doc/${name}/changelog.Debian`, entry);
}

function controlFiles(name: string, edition: Edition): Record<string, string> {
  const read = (file: string) => readFileSync(join(here, name, file), 'utf8');
  const control = read('control')
    .replaceAll('@version@', edition.version)
    .replaceAll('@architecture@', edition.architecture);
  const scripts = ['postinst', 'prerm', 'postrm'].filter((file) => existsSync(join(here, name, file)));
  return { control, ...Object.fromEntries(scripts.map((file) => [file, read(file)])) };
}

function re2Licences(): string {
  const re2 = dirname(require.resolve('re2/package.json'));
  const files = ['LICENSE', 'vendor/re2/LICENSE', 'vendor/abseil-cpp/LICENSE'];
  return files.map((file) => `${file}\n\n${readFileSync(join(re2, file), 'utf8')}`).join('\n\n');
}

/** What attackers write never becomes shell text: all shipped actions with hostile values, and any place of a command. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fillTags } from '../../host-agent/actions/command-text.ts';
import { actionConf, banOf, shippedActions } from './action-conf.ts';
import { ticketBench } from './ticket-bench.ts';

/** Each would make the file `canary` if a shell read it, in one place or another. */
function hostileTexts(canary: string): string[] {
  const command = `touch ${canary}`;
  return [
    `$(${command})`,
    `\`${command}\``,
    `; ${command} #`,
    `' ; ${command} ; '`,
    `" ; ${command} ; "`,
    `'"\`$(${command})\`"'`,
    `x\n${command}\n`,
    `x\r\n${command}\r\n`,
    `x\0; ${command}`,
    `\\'; ${command}`,
    `| ${command}`,
    `&& ${command}`,
    `) ; ${command} ; (`,
    `}; ${command}; {`,
    `--config=${canary}`,
    `-o${canary}`,
    `\${IFS}${command}`,
    `＄（${command}）‮"\u2028${command}`,
    `EOF\n${command}`,
    `%s%n\\n$${command}`,
    `<ip>; ${command}`,
    `$f2bV_matches; ${command}`,
  ];
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-hostile-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

const places = [
  'echo <V>',
  'echo "<V>"',
  "echo '<V>'",
  'echo "$(echo "<V>")"',
  'echo `echo <V>`',
  'printf %s \'<V>\' "<V>" <V>',
  'cat <<EOF\n<V>\nEOF',
  "# it's a comment <V>\necho '<V>'",
  'x=<V>; echo "$x"',
  'case "<V>" in a) echo a;; esac',
  'if [ -n "<V>" ]; then echo "<V>x"; fi',
  'for i in <V>; do echo "$i"; done',
  '( echo "<V>"; echo "it\'s <V>" ) | cat',
  'echo "\\"<V>\\"" \\<V>',
];

test('no value is executed, wherever its tag stands', () => {
  const dir = folder();
  const canary = join(dir, 'canary');
  for (const place of places) {
    for (const text of hostileTexts(canary)) {
      const { script, values } = fillTags(place, (tag) => (tag === 'V' ? { text, ours: false } : undefined));
      // what no shell reads anything into may stand in single quotes, where there are no variables
      if (!/^[\w./=-]+$/.test(text)) expect(script).not.toContain(canary);
      spawnSync('/bin/sh', ['-c', script, ...values], { cwd: dir });
      expect(existsSync(canary), `${place} with ${JSON.stringify(text)}`).toBe(false);
    }
  }
});

test('in double quotes a value arrives as it was written, without NULs', () => {
  for (const text of hostileTexts('/x')) {
    const { script, values } = fillTags('printf %s "<V>"', () => ({ text, ours: false }));
    const { stdout } = spawnSync('/bin/sh', ['-c', script, ...values], { encoding: 'utf8' });
    expect(stdout).toBe(text.replaceAll('\0', ''));
  }
});

test('a value that is too long is cut; many long ones fit', () => {
  const text = '"'.repeat(1_000_000);
  const tags = Array.from({ length: 30 }, (_, i) => `"<V${i}>"`).join(' ');
  const { script, values } = fillTags(`printf %s ${tags} | wc -c`, () => ({ text, ours: false }));
  const { stdout, status } = spawnSync('/bin/sh', ['-c', script, ...values], { encoding: 'utf8' });
  expect({ status, size: Number(stdout) }).toEqual({ status: 0, size: 200_000 });
});

/** Programs that write down how they were called, in the place of all that actions call. */
function stubs(dir: string): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  const names = ['iptables', 'ip6tables', 'ipset', 'ufw', 'firewall-cmd', 'ip', 'ss', 'conntrack', 'whois', 'sendmail'];
  for (const name of names) {
    const text = `#!/bin/sh\n{ printf '%s\\n' ${name} "$#"; for a; do printf '<%s>\\n' "$a"; done; } >> ${dir}/calls\n[ ${name} != sendmail ] || cat >> ${dir}/mails\n`;
    writeFileSync(join(bin, name), text, { mode: 0o755 });
  }
  return bin;
}

const shipped = readdirSync(shippedActions)
  .map((name) => name.replace('.conf', ''))
  .filter((name) => !/-common$|^nftables|^webhook$|^ntfy$/.test(name));

test.each(shipped)('%s', async (file) => {
  const dir = folder();
  const [canary, bin] = [join(dir, 'canary'), stubs(dir)];
  const options = `[file="${dir}/deny", mailcmd="${bin}/sendmail", kill-mode=ss, logpath="${dir}/log*", application=web]`;
  writeFileSync(join(dir, 'log'), `${hostileTexts(canary).join('\n')}\n`);
  const inside = ['env', `PATH=${bin}:/usr/bin:/bin`];
  const bench = ticketBench({ inside, host: `$(touch ${canary})` });
  await bench.start(actionConf(file + options));
  const texts = hostileTexts(canary);
  for (const [index, text] of [texts[0], texts[3], texts[4], texts[6], texts[14], texts.join('')].entries()) {
    if (text === undefined) continue;
    const its = { matches: texts, groups: { user: text, fid: text, host: text } };
    const bans = [
      banOf(`203.0.113.${index}`, its),
      banOf(text, { ...its, ip: null }),
      banOf(`2001:db8::${index}`, its),
    ];
    await bench.ban(...bans);
    for (const ban of bans) await bench.tell('prolong', ban);
    await bench.unban(...bans.slice(0, 2).map(({ id }) => id));
  }
  await bench.tell('again', banOf('203.0.113.1'));
  await bench.stop({ flush: true });
  expect(existsSync(canary)).toBe(false);
  expect(bench.ran.length).toBeGreaterThan(10);
  for (const { script } of bench.ran) expect(script).not.toContain('touch');
  const calls = existsSync(join(dir, 'calls')) ? readFileSync(join(dir, 'calls'), 'utf8') : '';
  // firewalls are told of addresses and nothing else
  if (!/mail/.test(file)) expect(calls).not.toContain(canary);
  else
    expect(headersOf(join(dir, 'mails'))).toEqual([
      'Subject',
      'Date',
      'From',
      'To',
      'MIME-Version',
      'Content-Type',
      'Auto-Submitted',
    ]);
});

/** The names of all header lines of all mails, once each. */
function headersOf(file: string): string[] {
  const heads = readFileSync(file, 'utf8')
    .split(/^(?=Subject: )/m)
    .map((mail) => mail.split('\n\n')[0] ?? '');
  return [...new Set(heads.flatMap((head) => head.split('\n').map((line) => line.split(':')[0] ?? '')))];
}

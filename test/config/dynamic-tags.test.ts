/** Values in commands, as a real shell sees them. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { captureOf, fillCommand, fillText, reverseName } from '../../shared/config/dynamic-tags.ts';

/** What `printf '[%s]' …` prints with these tags as its arguments, each in double quotes. */
function shown(values: Readonly<Record<string, string>>): string {
  const words = Object.keys(values).map((tag) => `"<${tag}>"`);
  const { script, values: args } = fillCommand(`printf '[%s]' ${words.join(' ')}`, (tag) => values[tag]);
  return spawnSync('/bin/sh', ['-c', script, ...args], { encoding: 'utf8' }).stdout;
}

test('any value arrives as it is, more than ten of them too', () => {
  const odd = [
    '$(id)',
    '`id`',
    '"',
    "'",
    '\\',
    'a b',
    '*',
    '~',
    ' ',
    'x\ny',
    ';exit',
    `\${0}`,
    '!',
    '=',
    '\u00e9\u{1f600}',
  ];
  const values = Object.fromEntries(odd.map((value, index) => [`tag${index}`, value]));
  expect(shown(values)).toBe(odd.map((value) => `[${value}]`).join(''));
});

test('inert values stand in the text itself, so that single quotes work; a NUL ends nothing', () => {
  const values: Readonly<Record<string, string>> = { ip: '2001:db8::1', 'F-USER': 'a\0b c', 'F-ID': '' };
  expect(fillCommand("x '<ip>' <F-USER><sp><F-NIX>|<F-ID>|<nix> <a b><br>", (tag) => values[tag])).toEqual({
    script: `f2bV_F_user=\${0}\nx '2001:db8::1' $f2bV_F_user ||<nix> <a b>\n`,
    values: ['ab c'],
  });
  expect(fillText('<F-USER>@<ip>', (tag) => values[tag])).toBe('a\0b c@2001:db8::1');
  const long = fillCommand('<x>', () => '\u{1f600}'.repeat(100_000));
  expect(Buffer.byteLength(long.values[0] ?? '')).toBeLessThan(131_072);
});

test('captures and reverse names', () => {
  expect(['F-USER', 'F-ID', 'F-PORT', 'ip', 'F-user'].map(captureOf)).toEqual(['user', 'fid', 'fport', null, null]);
  expect(['192.0.2.1', '2001:db8::1', 'nobody'].map(reverseName)).toEqual([
    '1.2.0.192.',
    `1${'.0'.repeat(23)}.8.b.d.0.1.0.0.2.`,
    '',
  ]);
});

/** What the configuration test says of a jail before it runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfiguration } from '../../host-agent/daemon/configuration.ts';
import { diskFiles } from '../../host-agent/system/config-files.ts';
import { createRe2 } from '../../host-agent/system/re2.ts';
import { readStream } from '../../shared/config/stream.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-configuration-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function findings(options: string, isEnrolled = false): string[] {
  const text = `[web]\nenabled = true\nlogpath = ${join(dir, 'web.log')}\nfailregex = ^fail <HOST>\n${options}\n`;
  writeFileSync(join(dir, 'jail.conf'), text);
  writeFileSync(join(dir, 'web.log'), '');
  const checkAction = () => {
    throw new Error('no action here');
  };
  const ports = { files: diskFiles, re2: createRe2(), random: () => 0.5, now: () => 1.8e9, checkAction };
  const all = readConfiguration(dir, isEnrolled, ports).findings.filter(({ code }) => code !== 'ERR_CONFIG_ACTION');
  return all.map(({ severity, code, line, message }) => `${line} ${severity} ${code}: ${message}`);
}

test('a file of ignoreip that is not there is a warning at its line; one without an absolute path an error', () => {
  writeFileSync(join(dir, 'there'), '');
  expect(findings(`ignoreip = 192.0.2.1\n  file:/no/such/file\n  file:${dir}/there`)).toEqual([
    '6 warning ERR_CONFIG_MISSING: ignoreip: file:/no/such/file cannot be read: it lets nobody off',
  ]);
  expect(findings('ignoreip =\n  file:spared')).toEqual([
    "6 error ERR_CONFIG_VALUE: ignoreip: 'file:spared' is no absolute path",
  ]);
});

test('ignorecommand may not ask for what is not known yet', () => {
  expect(findings('ignorecommand = /bin/ask <ip> "<F-USER>" <matches>')).toEqual([]);
  expect(findings('ignorecommand = /bin/ask <ipjailmatches>')).toEqual([
    '1 error ERR_CONFIG_UNSUPPORTED: ignorecommand, ignorecache: the tag <ipjailmatches> is not supported',
  ]);
  expect(findings('ignorecommand = /bin/ask\nignorecache = key="<jail.found>"')).toHaveLength(1);
});

test('a logencoding that cannot be decoded is an error at its line', () => {
  expect(findings('logencoding = ISO-8859-1')).toEqual([]);
  expect(findings('logencoding = utf9')).toEqual([
    '5 error ERR_FILTER_ENCODING: logencoding = utf9: unknown logencoding "utf9"',
  ]);
  expect(findings('logencoding = utf-16')).toEqual([]);
  expect(findings('logencoding = utf-7')).toHaveLength(1);
});

test('options of the systemd backend and journalmatches that journalctl would not take are errors at their lines', () => {
  const match = 'journalmatch = _COMM="a b" + _SYSTEMD_UNIT=x.service';
  expect(findings(`backend = systemd[journalflags=1, rotated=on, namespace=+mail]\n${match}`)).toEqual([]);
  expect(findings(`backend = systemd[journalflags=2]\n${match}`)).toEqual([
    '1 error ERR_JOURNAL_OPTION: backend = systemd[…]: journalflags = "2" is not supported',
  ]);
  expect(findings(`backend = systemd[journalpath=log]\n${match}`)).toHaveLength(1);
  expect(findings(`backend = systemd[rotated=off]\n${match}`)).toHaveLength(1);
  expect(findings('backend = systemd\njournalmatch = _COMM=a\n  comm')).toEqual([
    '7 error ERR_JOURNAL_MATCH: journalmatch: "comm" is no FIELD=value',
  ]);
});

test("edgeban's own options: known, in their types, within bounds, and no part of fail2ban's stream", () => {
  expect(findings('findtime.sliding = true\nipv6prefix = 64')).toEqual([]);
  expect(findings('ipv6prefix = 129')).toEqual([
    '5 error ERR_CONFIG_VALUE: ipv6prefix = 129: not a number that it takes',
  ]);
  expect(findings('ipv6prefix = 32')).toEqual([
    '1 error ERR_CONFIG_VALUE: ipv6prefix = 32: wider than the /48 that may be banned',
  ]);
  expect(findings('findtime.sliding = yes\nmaxretry = 5000')).toEqual([
    '6 error ERR_CONFIG_VALUE: maxretry = 5000: findtime.sliding counts to 1000',
  ]);
  expect(findings('findtime.slidin = yes')).toHaveLength(1);
  findings('findtime.sliding = true\nipv6prefix = 64');
  const { commands } = readStream(diskFiles, dir, () => []);
  expect(JSON.stringify(commands)).not.toMatch(/sliding|ipv6prefix/);
});

test('edge and plane: values that are none are errors; a plane that leaves nobody to enforce bans is a warning', () => {
  expect(findings('edge = challenge\nplane = host\nplane.proxied = yes')).toEqual([]);
  expect(findings('edge = chalenge')).toEqual(['5 error ERR_CONFIG_VALUE: edge = chalenge: not a value that it takes']);
  expect(findings('plane = cloud')).toEqual(['5 error ERR_CONFIG_VALUE: plane = cloud: not a value that it takes']);
  expect(findings('plane = edge', true)).toEqual([]);
  expect(findings('plane = edge')).toEqual([
    '5 warning ERR_CONFIG_PLANE: plane = edge, but this host is enrolled at no Worker: its bans are enforced on this host',
  ]);
  expect(findings('plane = edge\nedge = off', true)).toEqual([
    '5 warning ERR_CONFIG_PLANE: plane = edge and edge = off: nobody would enforce its bans, so this host does',
  ]);
  findings('edge = challenge\nplane = host\nplane.proxied = yes');
  expect(JSON.stringify(readStream(diskFiles, dir, () => []).commands)).not.toMatch(/challenge|plane|edge"/);
});

test('an edge or plane that only a Worker could serve is a warning at its line on a host that is enrolled nowhere', () => {
  const lonely = (said: string) =>
    `5 warning ERR_CONFIG_PLANE: ${said}, but this host is enrolled at no Worker: its bans are enforced on this host alone`;
  for (const said of ['edge = challenge', 'edge = block', 'plane = both']) {
    expect(findings(said)).toEqual([lonely(said)]);
    expect(findings(said, true)).toEqual([]);
  }
  for (const said of ['edge = auto', 'edge = off', 'plane = host', 'plane = auto']) expect(findings(said)).toEqual([]);
});

test('fleet = true on a host that is enrolled nowhere is a warning at its line', () => {
  expect([findings('fleet = true', true), findings('fleet = false')]).toEqual([[], []]);
  expect(findings('fleet = true')).toEqual([
    '5 warning ERR_CONFIG_PLANE: fleet = true, but this host is enrolled at no Worker: its failures are counted on this host alone',
  ]);
});

/** What a reload takes over of edgeban.conf. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ServerSettings } from '../../host-agent/daemon/server-settings.ts';
import { Log } from '../../host-agent/log/log.ts';
import { readServerConf, type ServerConf } from '../../shared/config/server-conf.ts';
import { filesIn } from '../config/files.ts';

function scene(level: string) {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-reload-'));
  const target = join(dir, 'edgeban.log');
  const log = new Log({ target, level });
  onTestFinished(() => {
    log.close();
    rmSync(dir, { recursive: true });
  });
  return { dir, target, log, told: () => readFileSync(target, 'utf8').split('\n').slice(0, -1) };
}

function conf(options: string): ServerConf {
  return readServerConf(filesIn({ '/c/edgeban.conf': `[Definition]\n${options}\n` }), '/c').server;
}

test('the level and the target of the log change with the file', () => {
  const { dir, log, told, target } = scene('INFO');
  const base = `logtarget = ${target}\n`;
  const settings = new ServerSettings(conf(`${base}loglevel = INFO`), log);
  settings.takeOver(conf(`${base}loglevel = DEBUG`));
  expect([log.level, told().length]).toEqual(['DEBUG', 1]);
  settings.takeOver(conf(`logtarget = ${dir}/other.log\nloglevel = DEBUG`));
  expect(log.target).toBe(`${dir}/other.log`);
  settings.takeOver(conf('logtarget = nowhere\nloglevel = DEBUG'));
  expect(log.target).toBe(`${dir}/other.log`);
  expect(readFileSync(`${dir}/other.log`, 'utf8')).toContain('logtarget stays as it was: cannot log to');
});

test('what the file does not change stays as the command line has set it', () => {
  const { log } = scene('DEBUG');
  const settings = new ServerSettings(conf('loglevel = INFO'), log);
  settings.takeOver(conf('loglevel = INFO\ndbpurgeage = 2d'));
  expect(log.level).toBe('DEBUG');
});

test('what needs a restart is said, until it is as it was', () => {
  const { log, told } = scene('INFO');
  const settings = new ServerSettings(conf('dbmaxmatches = 10'), log);
  settings.takeOver(conf('dbmaxmatches = 20\nsocket = /run/x.sock'));
  settings.takeOver(conf('dbmaxmatches = 20'));
  settings.takeOver(conf('dbmaxmatches = 10'));
  expect(told().map((line) => line.replace(/^.*: WARNING /, ''))).toEqual([
    'changed, but in force only after a restart: socket, dbmaxmatches (edgeban-client restart)',
    'changed, but in force only after a restart: dbmaxmatches (edgeban-client restart)',
  ]);
});

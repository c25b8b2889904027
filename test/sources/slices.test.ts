/** A sink that takes only some of a batch's lines: the others come next, each line once, through restarts too. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createFileSource } from '../../host-agent/sources/file.ts';
import { createJournalSource } from '../../host-agent/sources/journal.ts';
import type { Batch, Source } from '../../host-agent/sources/source.ts';

const ports = { now: () => Date.now() / 1000, onError: () => undefined };

function scratch(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'edgeban-slices-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

/** Takes so many lines of each batch in turn until it has `enough`; returns them and the place behind them. */
async function takeSome(source: Source, counts: readonly number[], enough: number) {
  const taken: string[] = [];
  const places: string[] = [];
  const stop = new AbortController();
  await source.run((batch: Batch) => {
    const count = Math.min(counts[places.length % counts.length] ?? 1, batch.lines.length, enough - taken.length);
    taken.push(...[...batch.lines].slice(0, count).map(({ bytes }) => Buffer.from(bytes).toString().slice(0, 20)));
    places.push(count < batch.lines.length ? batch.takeOnly(count) : batch.position);
    if (taken.length >= enough) stop.abort();
  }, stop.signal);
  return { taken, position: places.at(-1) };
}

const numbers = Array.from({ length: 40 }, (_, n) => `line ${n}`);

it('gives the lines of a file that were left, and goes on behind those that were taken', async () => {
  const path = join(scratch(), 'log');
  const lines = numbers.map((line, n) => (n % 13 === 5 ? line.padEnd(20) + 'x'.repeat(70_000) : line));
  fs.writeFileSync(path, `${lines.join('\n')}\n`);
  const first = await takeSome(createFileSource({ path }, ports), [1, 2, 5], 17);
  const second = await takeSome(createFileSource({ path, position: first.position }, ports), [3, 1], 23);
  expect([...first.taken, ...second.taken].map((text) => text.trim())).toEqual(numbers);
});

it('gives the entries of a journal that were left, and goes on behind those that were taken', async () => {
  const file = join(scratch(), 'export');
  const cursor = (n: number) => `s=${'0'.repeat(32)};i=${n.toString(16)}`;
  const entry = (line: string, n: number) =>
    `__CURSOR=${cursor(n)}\n__REALTIME_TIMESTAMP=${1_780_272_000_000_000 + n}\nMESSAGE=${line}\n\n`;
  const journalFrom = (from: number, position?: string) => {
    fs.writeFileSync(file, numbers.map(entry).slice(from).join(''));
    const command = ['sh', '-c', `cat ${file}; exec sleep 60`];
    return createJournalSource({ id: 'test', matches: [], command, position }, ports);
  };
  const first = await takeSome(journalFrom(0), [1, 2, 5], 17);
  expect(first.position).toBe(JSON.stringify({ v: 1, cursor: cursor(16) }));
  const second = await takeSome(journalFrom(16, first.position), [3, 1], 23);
  expect([...first.taken, ...second.taken].map((text) => text.replace(/^.*(?=line)/, ''))).toEqual(numbers);
});

/** Counts the lines for which the generated code did not do: RE2 or the step by step matcher had to be asked. */
import { readFileSync } from 'node:fs';
import { asciiText, decoderOf } from '../../host-agent/agent/decoder.ts';
import { localZone } from '../../host-agent/agent/ports.ts';
import { diskFiles } from '../../host-agent/system/config-files.ts';
import { createRe2 } from '../../host-agent/system/re2.ts';
import { readFilter } from '../../shared/config/filter-values.ts';
import { createFilter } from '../../shared/filter/filter.ts';
import type { Re2 } from '../../shared/filter/regex/pattern.ts';

/** The share of a log's lines, from 0 to 1. */
export function slowShare(log: string, config: string, name: string): number {
  const { filter: conf } = readFilter(diskFiles, config, name, 'auto');
  if (conf === null) throw new Error(`the filter ${name} of ${config} cannot be read`);
  const asked = { times: 0 };
  const host = { zone: localZone, decode: decoderOf('utf-8'), ascii: asciiText, resolve: () => [] };
  const ports = { ...host, re2: countingRe2(asked) };
  const datepattern = conf.datepattern?.regex ?? null;
  const now = Date.now() / 1000;
  const filter = createFilter({ ...conf, datepattern, findtime: 600, checkAllRegex: true }, ports, now);
  let lines = 0;
  let slow = 0;
  for (const text of readFileSync(log, 'utf8').split('\n')) {
    if (text === '') continue;
    lines += 1;
    const before = asked.times;
    filter.process({ bytes: Buffer.from(text) }, now, 'unchecked');
    if (asked.times > before) slow += 1;
  }
  return slow / Math.max(1, lines);
}

function countingRe2(asked: { times: number }): Re2 {
  const re2 = createRe2();
  return {
    ...re2,
    compile: (source) => {
      const program = re2.compile(source);
      return {
        test: (bytes) => {
          asked.times += 1;
          return program.test(bytes);
        },
        exec: (text) => program.exec(text),
      };
    },
  };
}

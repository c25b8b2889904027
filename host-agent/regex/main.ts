/** edgeban-regex with the real disk, clock and resolver. */
import { hostname } from 'node:os';
import { threadClock } from '../agent/ports.ts';
import { diskFiles } from '../system/config-files.ts';
import { Resolver } from '../system/dns.ts';
import { createRe2 } from '../system/re2.ts';
import { type RegexPorts, runRegex } from './program.ts';
import { processScreen } from './screen.ts';

export async function runRegexProgram(argv: readonly string[], version: string): Promise<number> {
  const resolver = new Resolver(Date.now);
  const ports: RegexPorts = {
    version,
    files: diskFiles,
    re2: createRe2(),
    clock: threadClock,
    resolve: (name) => resolver.addresses(name),
    nameOf: (address) => resolver.nameOf(address),
    hostname: hostname(),
    now_ms: Date.now,
  };
  return await runRegex(argv, ports, processScreen());
}

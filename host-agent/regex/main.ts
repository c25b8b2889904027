/** edgeban-regex with the real disk, clock and resolver. */
import { diskFiles } from '../config-files.ts';
import { Resolver } from '../dns.ts';
import { createRe2 } from '../re2.ts';
import { runRegex } from './program.ts';
import { processScreen } from './screen.ts';

export async function runRegexProgram(argv: readonly string[], version: string): Promise<number> {
  const resolver = new Resolver(Date.now);
  const resolve = (name: string) => resolver.addresses(name);
  return await runRegex(
    argv,
    { version, files: diskFiles, re2: createRe2(), resolve, now_ms: Date.now },
    processScreen(),
  );
}

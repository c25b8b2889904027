/** edgeban's version, as package.json has it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const Package = z.object({ version: z.string().regex(/^\d+\.\d+\.\d+$/) });
const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');

export const version = Package.parse(JSON.parse(text)).version;

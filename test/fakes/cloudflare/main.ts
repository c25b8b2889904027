/** Runs the fake Cloudflare API as a process of its own: `node main.ts --port N --state FILE [--ip ADDR]`. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FakeOptions } from './options.ts';
import { createFakeCloudflare } from './server.ts';

/** Options come from the file or the JSON that the environment names: secrets do not belong on a command line. */
function readOptions(): FakeOptions {
  const { FAKE_CLOUDFLARE_OPTIONS: text, FAKE_CLOUDFLARE_OPTIONS_FILE: file } = process.env;
  if (text === undefined && file === undefined) {
    throw new Error('set FAKE_CLOUDFLARE_OPTIONS (JSON) or FAKE_CLOUDFLARE_OPTIONS_FILE');
  }
  return FakeOptions.parse(JSON.parse(text ?? readFileSync(file ?? '', 'utf8')));
}

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    ip: { type: 'string', default: '127.0.0.1' },
    state: { type: 'string' },
  },
});
const fake = createFakeCloudflare({ options: readOptions(), file: values.state ?? null, now: Date.now });
const base = await fake.listen(Number(values.port), values.ip);
process.stdout.write(`${JSON.stringify({ ready: true, base })}\n`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    fake.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}

/**
 * A Cloudflare for the documents' reader, as a process in the internet's namespace: the fake API, and the Worker that was uploaded
 * to it, in workerd under its own name. `node cloud.ts FOLDER ADDRESS`; it prints the API's base, and what is uploaded runs.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeRealWorker } from '../edge/real-worker.ts';
import { createFakeCloudflare } from '../fakes/cloudflare/server.ts';
import { until } from '../world/wait.ts';
import { account, apiPort, subdomain, tokens, workerName, zone } from './reader.ts';

const [folder = '', address = ''] = process.argv.slice(2);

const fake = createFakeCloudflare({
  options: { account, subdomain, zones: [zone], tokens, operation_ms: 50 },
  file: null,
  now: Date.now,
});

const uploaded = () => fake.control.state().scripts[workerName]?.bindings ?? [];

/** As Cloudflare would: vars and secrets are those that were uploaded. */
const settings = () =>
  Object.fromEntries(uploaded().flatMap(({ name, text }) => (typeof text === 'string' ? [[name, text]] : [])));

const tls = { key: join(folder, 'key.pem'), certificate: join(folder, 'certificate.pem') };
mkdirSync(join(folder, 'workerd'), { recursive: true });
const worker = await makeRealWorker(join(folder, 'workerd'), { port: 443, ip: address, tls, settings });

console.log(await fake.listen(apiPort, address));
for (let running = ''; ; ) {
  const now = await until('a change of what is uploaded', () => newest(running), {
    within_ms: 3_600_000,
    every_ms: 200,
  });
  await worker.kill();
  if (now !== 'nothing') await worker.start();
  running = now;
  console.log(`runs ${now}`);
}

/** What is uploaded, if it is not what runs: another upload brings other settings. */
function newest(running: string): string | null {
  const script = fake.control.state().scripts[workerName];
  const name = script === undefined ? 'nothing' : `${workerName} ${script.uploads}`;
  return name === running ? null : name;
}

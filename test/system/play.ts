/** Plays one scene in the namespaces that it is in: `play.ts SCENE`; prints one line of JSON as its last. */
import { scenes } from './scenes.ts';

const scene = scenes.get(process.argv[2] ?? '');
if (scene === undefined) throw new Error(`no scene ${process.argv[2]}; there are: ${[...scenes.keys()].join(', ')}`);

try {
  console.log(JSON.stringify({ ok: true, evidence: await scene() }));
} catch (error) {
  console.log(JSON.stringify({ ok: false, evidence: error instanceof Error ? error.stack : String(error) }));
}
process.exit(0);

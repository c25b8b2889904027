/** `edgeban edge rotate`: a new key for this host; whatever gets lost on the way, one of its two keys is good. */
import { edgeFiles } from '../edge/files.ts';
import { rotateKey } from '../edge/rotate.ts';
import { realWorld } from '../edge/world.ts';
import { patiently } from './patience.ts';
import { parseWords, tell } from './words.ts';
import type { OperatorWorld } from './world.ts';

export async function rotate(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const options = {
    conf: { type: 'string', short: 'c', default: '/etc/edgeban' },
    dbfile: { type: 'string' },
  } as const;
  const { values } = parseWords(argv, options);
  const { dbfile } = await world.serverSettings(values.conf);
  const files = edgeFiles(values.dbfile ?? dbfile);
  // told again it changes nothing: whatever got lost on the way, one of the host's two keys is good
  const { host } = await patiently(world, true, () => rotateKey(files, realWorld));
  const text = `The Worker knows the new key of ${host} (${files.key}), and no longer the old one; restart the server to use it: systemctl restart edgeban`;
  tell(world, values, { host, key: files.key }, text);
  return 0;
}

/** Takes out of nftables all that edgeban has made there, where no daemon runs: a stop leaves bans in force, and nobody would lift them. */
import { EdgebanError } from '../../shared/errors.ts';
import { createNft } from '../actions/nft.ts';
import { sweeper } from './kit.ts';
import { twinsOf } from './twins.ts';

/** Returns the jails of which something went. Throws ERR_CONFIG_NEIGHBOUR while a daemon runs in this network namespace. */
export async function withdraw(): Promise<readonly string[]> {
  const [twin] = await twinsOf('/');
  if (twin !== undefined) {
    const remedy = 'edgeban-client stop --unban lifts its bans and stops it';
    throw new EdgebanError('ERR_CONFIG_NEIGHBOUR', `an edgeban runs (${twin.socket}): what it bans is its own`, {
      remedy,
    });
  }
  const nft = createNft();
  try {
    return await sweeper(nft)({ running: [], spared: [] });
  } finally {
    nft.close();
  }
}

/** The ledger's status as figures for Prometheus. */
import { type Family, familiesText } from '../../shared/prometheus.ts';
import type { StatusView } from '../shapes.ts';

export function metricsText(status: StatusView): string {
  return familiesText([...ledgerFamilies(status), ...edgeFamilies(status)]);
}

function gauge(name: string, help: string, ...samples: Family['samples']): Family {
  return { name: `edgeban_${name}`, help, type: 'gauge', samples };
}

function ledgerFamilies(status: StatusView): Family[] {
  const { snapshot, over_share } = status;
  return [
    gauge('bans', 'Addresses and networks that are banned', [status.bans]),
    gauge('hosts', 'Hosts that are enrolled and not revoked', [status.hosts]),
    gauge('listeners', 'Hosts that listen to the live feed', [status.listeners]),
    gauge('hosts_over_share', 'Hosts that were refused bans in the last hour', [over_share.length]),
    gauge('panic', 'All enforcement at the edge is lifted', [Number(status.panic !== null)]),
    gauge('brake', 'Blocks are challenges because bans have jumped', [Number(status.brake !== null)]),
    gauge('ranges', "Cloudflare's ranges that are guarded", [status.ranges.known]),
    gauge('ranges_error', "The newest answer of Cloudflare's ranges does not count", [
      Number(status.ranges.error !== null),
    ]),
    gauge('incidents', 'What people were told is wrong, and is not over yet', [status.incidents.length]),
    gauge('snapshot_current', 'KV has what the ledger has', [Number(snapshot.current)]),
    gauge('snapshot_error', 'The last write to KV failed', [Number(snapshot.error !== null)]),
    ...(snapshot.written_at === null
      ? []
      : [gauge('snapshot_written_timestamp_seconds', 'When KV was last written', [snapshot.written_at])]),
  ];
}

function edgeFamilies({ enforcement }: StatusView): Family[] {
  const { mode, current, detail } = enforcement;
  const following = gauge('enforcement_current', 'Cloudflare has what the ledger wants', [Number(current), { mode }]);
  if (detail === null) return [following];
  const { wanted, missing, surplus, leftOut, foreign, refused, unfit, error } = detail;
  return [
    following,
    gauge('enforcement_wanted', 'Bans that Cloudflare is to have', [wanted]),
    gauge('enforcement_missing', 'Bans that Cloudflare does not have yet', [missing]),
    gauge('enforcement_surplus', 'Bans that Cloudflare has still', [surplus]),
    gauge(
      'enforcement_left_out',
      'Bans that Cloudflare does not get, by reason',
      ...Object.entries({ room: leftOut, foreign, refused, unfit }).map(
        ([reason, { count }]) => [count, { reason }] as const,
      ),
    ),
    gauge('enforcement_error', 'A failure at Cloudflare that has not cleared', [
      Number(error !== null),
      { code: error?.code ?? '' },
    ]),
  ];
}

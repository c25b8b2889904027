/** The fleet: who is enrolled, who listens, how late, with which version. */
import type { Hosts } from '../shared/view.ts';
import { useDesk, useView } from './desk.ts';
import { Ago, Badge, Card, Empty, Meter, Name, Table, type Tone, Trouble } from './parts.tsx';
import { count, many, plain, span } from './words.ts';

type Host = Hosts['hosts'][number];

/** Seconds without a word after which a host is told as silent; the feed's line is quieter than that. */
const silent_after = 600;

export function HostsView() {
  const { data, error } = useView('hosts');
  const hosts = data?.hosts ?? [];
  const enrolled = hosts.filter((host) => host.revoked_at === null);
  const newest =
    enrolled
      .map(({ version }) => version ?? '')
      .toSorted(byVersion)
      .at(-1) ?? '';
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Hosts</h1>
      </div>
      <Trouble text={error} />
      <Card title="Enrolled" aside={<span class="hint">{many(enrolled.length, 'host')}</span>}>
        {enrolled.length === 0 && data !== null ? (
          <Empty>
            None yet. <code>edgeban edge token</code> opens a one-time token for one.
          </Empty>
        ) : null}
        <HostTable hosts={enrolled} newest={newest} />
      </Card>
      {enrolled.length === hosts.length ? null : (
        <Card title="Revoked">
          <ul class="plain">
            {hosts.flatMap(({ id, name, revoked_at }) =>
              revoked_at === null
                ? []
                : [
                    <li key={id}>
                      <Name text={name} />{' '}
                      <span class="hint">
                        revoked <Ago at={revoked_at} />
                      </span>
                    </li>,
                  ],
            )}
          </ul>
        </Card>
      )}
    </>
  );
}

function byVersion(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function HostTable({ hosts, newest }: { hosts: readonly Host[]; newest: string }) {
  return (
    <Table label="Enrolled hosts" heads={['Host', 'State', 'Seen', 'Events late', 'Feed', 'Version', 'Bans', 'Share']}>
      {hosts.map((host) => (
        <HostRow key={host.id} host={host} newest={newest} />
      ))}
    </Table>
  );
}

function HostRow({ host, newest }: { host: Host; newest: string }) {
  const { now } = useDesk();
  const [tone, state] = stateOf(host, now);
  const { held, held_max, bans_left } = host.share;
  return (
    <tr>
      <td data-head="Host">
        <a href={`#/bans/${encodeURIComponent(`host:${host.id}`)}`}>
          <Name text={host.name} />
        </a>
      </td>
      <td data-head="State">
        <Badge tone={tone}>{state}</Badge>
      </td>
      <td data-head="Seen">
        <Ago at={host.seen_at} />
      </td>
      <td data-head="Events late">{host.lag === null ? '–' : host.lag < 1 ? '< 1 s' : span(host.lag)}</td>
      <td data-head="Feed">
        {host.behind === null ? '–' : host.behind === 0 ? 'up to date' : `${many(host.behind, 'change')} behind`}
      </td>
      <td data-head="Version">
        {plain(host.version ?? '–', 32)}
        {host.version !== null && host.version !== newest ? <Badge tone="warn">older</Badge> : null}
      </td>
      <td data-head="Bans">{count(host.bans)}</td>
      <td data-head="Share" title={`may newly ban ${count(bans_left)} now`}>
        <Meter label={`Share of ${plain(host.name, 64)}`} value={held} max={held_max} />
        <span class="hint">
          {count(held)} of {count(held_max)}
        </span>
      </td>
    </tr>
  );
}

function stateOf({ live, seen_at }: Host, now: number): readonly [Tone, string] {
  if (live) return ['good', 'live'];
  return now - seen_at > silent_after ? ['bad', 'silent'] : ['warn', 'polls'];
}

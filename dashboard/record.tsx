/** What was done by hand, by whom and when; and the allow list. */
import { useState } from 'preact/hooks';
import type { Act } from '../shared/view.ts';
import { useDesk, useKeptFocus, useView } from './desk.ts';
import { Address, Ago, Badge, Card, Empty, Name, Table, Trouble } from './parts.tsx';
import { plain } from './words.ts';

const words: Record<string, string> = {
  'enroll-token': 'opened a token for a host',
  enrolled: 'enrolled',
  rotated: 'changed its key',
  revoked: 'revoked',
  ban: 'banned',
  lift: 'unbanned',
  unban: 'unbanned',
  allow: 'allowed',
  disallow: 'took off the allow list',
  panic: 'lifted all enforcement',
  resume: 'resumed enforcement',
  brake: 'pulled the brake',
  'brake-released': 'released the brake',
  ranges: "changed Cloudflare's ranges",
  login: 'logged in',
  logout: 'logged out',
};

export function actText({ who, what, about }: Act): string {
  const done = words[what] ?? what;
  return `${plain(who, 64)} ${done}${about === '' ? '' : ` ${plain(about)}`}`;
}

/** `null`: the newest; otherwise what came before the act of that number. */
export function RecordView() {
  const [places, setPlaces] = useState<readonly (number | null)[]>([null]);
  const before = places.at(-1) ?? null;
  const { data, error } = useView('acts', { before: before ?? '', limit: 50 });
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Record</h1>
      </div>
      <Trouble text={error} />
      <Card title="Done by hand" aside={<span class="hint">newest first</span>}>
        {data?.acts.length === 0 ? <Empty>Nothing yet.</Empty> : null}
        <Table label="What was done by hand" heads={['When', 'Who', 'From', 'What', 'About']}>
          {(data?.acts ?? []).map((act) => (
            <tr key={act.n}>
              <td data-head="When">
                <Ago at={act.at} />
              </td>
              <td data-head="Who">
                <Name text={act.who} />
              </td>
              <td data-head="From">{act.place === null ? '–' : <Address address={act.place} />}</td>
              <td data-head="What">{plain(words[act.what] ?? act.what)}</td>
              <td data-head="About">{plain(act.about)}</td>
            </tr>
          ))}
        </Table>
        <div class="buttons">
          <button type="button" disabled={places.length === 1} onClick={() => setPlaces(places.slice(0, -1))}>
            Newer
          </button>
          <button
            type="button"
            disabled={data?.next == null}
            onClick={() => setPlaces([...places, data?.next ?? null])}
          >
            Older
          </button>
        </div>
      </Card>
    </>
  );
}

export function AllowView() {
  const { data, error } = useView('allowed');
  const { ask } = useDesk();
  useKeptFocus(data?.allowed.length);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Allow list</h1>
        <div class="buttons">
          <button type="button" class="primary" onClick={() => ask({ kind: 'allow', address: '' })}>
            Allow an address
          </button>
        </div>
      </div>
      <Trouble text={error} />
      <Card title="Never banned">
        {data?.allowed.length === 0 ? <Empty>Nothing but what guards protect in any case.</Empty> : null}
        <Table label="Never banned" heads={['Address', 'Note', 'Since', 'Where', 'Act']}>
          {(data?.allowed ?? []).map(({ address, note, at, source }) => (
            <tr key={`${source} ${address}`}>
              <td data-head="Address">
                <Address address={address} />
              </td>
              <td data-head="Note">{plain(note)}</td>
              <td data-head="Since">{at === null ? '–' : <Ago at={at} />}</td>
              <td data-head="Where">
                <Badge tone={source === 'settings' ? 'plain' : 'calm'}>{source}</Badge>
              </td>
              <td data-head="Act">
                {source === 'settings' ? null : (
                  <button
                    type="button"
                    aria-label={`Take off ${address}`}
                    onClick={() => ask({ kind: 'disallow', address })}
                  >
                    Take off
                  </button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      </Card>
    </>
  );
}

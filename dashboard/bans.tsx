/** All that is banned: search, filters, and a list of which only what is seen is read and drawn. */
import { useEffect, useState } from 'preact/hooks';
import type { BansQuery } from '../shared/view.ts';
import { useDesk, useView } from './desk.ts';
import { BanList } from './list.tsx';
import { Choice } from './parts.tsx';
import { plain } from './words.ts';

export type Filters = Pick<BansQuery, 'q' | 'jail' | 'host' | 'family' | 'sort'>;

const typing_ms = 250;

/** `search`: an address or network, or `jail:…`, `host:…`, as other views link here. */
function filtersOf(search: string): Filters {
  const base: Filters = { q: '', jail: '', host: '', family: '', sort: 'newest' };
  const [, filter, value = ''] = /^(jail|host):(.*)$/s.exec(search) ?? [];
  return filter === undefined ? { ...base, q: search } : { ...base, [filter]: value };
}

export function BansView({ search }: { search: string }) {
  const [filters, setFilters] = useState(() => filtersOf(search));
  const [typed, setTyped] = useState(filters.q);
  const { ask } = useDesk();
  useEffect(() => {
    const timer = window.setTimeout(() => setFilters((known) => ({ ...known, q: typed })), typing_ms);
    return () => window.clearTimeout(timer);
  }, [typed]);
  const set = (change: Partial<Filters>) => setFilters((known) => ({ ...known, ...change }));
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Bans</h1>
        <div class="buttons">
          <button type="button" onClick={() => ask({ kind: 'ban', address: typed })}>
            Ban an address
          </button>
        </div>
      </div>
      <search class="filters">
        <label class="wide">
          <span class="unseen">Address, network, or a part of one</span>
          <input
            type="search"
            placeholder="Address, network, or a part of one"
            value={typed}
            maxLength={64}
            spellcheck={false}
            autoComplete="off"
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <FilterSelects filters={filters} set={set} />
      </search>
      <BanList filters={filters} />
    </>
  );
}

const families = [
  ['', 'All'],
  ['4', 'IPv4'],
  ['6', 'IPv6'],
] as const;
const sorts = [
  ['newest', 'Newest first'],
  ['oldest', 'Oldest first'],
  ['ending', 'Ending first'],
  ['address', 'By address'],
] as const;

function FilterSelects({ filters, set }: { filters: Filters; set: (change: Partial<Filters>) => void }) {
  const { data } = useView('summary', {}, '', 60);
  return (
    <>
      <NameSelect
        label="Jail"
        all="All jails"
        value={filters.jail}
        options={data?.jails ?? []}
        onChange={(jail) => set({ jail })}
      />
      {data?.hosts == null ? null : (
        <NameSelect
          label="Host"
          all="All hosts"
          value={filters.host}
          options={data.hosts}
          onChange={(host) => set({ host })}
        />
      )}
      <label>
        <span class="unseen">Order</span>
        <select
          value={filters.sort}
          onChange={({ currentTarget }) =>
            set({ sort: sorts.find(([key]) => key === currentTarget.value)?.[0] ?? 'newest' })
          }
        >
          {sorts.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <Choice
        name="family"
        label="Family"
        options={families}
        value={filters.family}
        onChange={(family) => set({ family })}
      />
    </>
  );
}

interface NameSelectProps {
  readonly label: string;
  readonly all: string;
  readonly value: string;
  readonly options: readonly { readonly key: string; readonly name: string; readonly bans: number }[];
  readonly onChange: (key: string) => void;
}

function NameSelect({ label, all, value, options, onChange }: NameSelectProps) {
  const isKnown = value === '' || options.some(({ key }) => key === value);
  return (
    <label>
      <span class="unseen">{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">{all}</option>
        {isKnown ? null : <option value={value}>{plain(value, 40)}</option>}
        {options.map(({ key, name, bans }) => (
          <option key={key} value={key}>
            {`${plain(name, 40)} (${bans})`}
          </option>
        ))}
      </select>
    </label>
  );
}

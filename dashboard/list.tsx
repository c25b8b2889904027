/** The list of bans: of 100,000 rows it asks for the pages that are in sight, and draws those rows alone. */
// biome-ignore-all lint/a11y/useSemanticElements: rows of a real table cannot stand at places of their own
// biome-ignore-all lint/a11y/useFocusableInteractive: a table is read, what can be done stands in its cells
import { useEffect, useRef, useState } from 'preact/hooks';
import type { BanRow, BanRows } from '../shared/view.ts';
import { look } from './api.ts';
import type { Filters } from './bans.tsx';
import { useDesk, useKeptFocus } from './desk.ts';
import { Address, Ago, Badge, Empty, Left, Name, Trouble } from './parts.tsx';
import { many } from './words.ts';

const page_rows = 100;
const spare_rows = 8;
/** As in the style: a narrow screen takes two lines a row. */
const rowHeight = () => (window.matchMedia('(max-width: 760px)').matches ? 68 : 44);

interface Pages {
  /** By page: which changes the answer that is shown has seen; an older one may come after it. */
  readonly seen: ReadonlyMap<number, number>;
  readonly total: number | null;
  readonly rows: ReadonlyMap<number, readonly BanRow[]>;
  readonly error: string | null;
}

const nothing: Pages = { seen: new Map(), total: null, rows: new Map(), error: null };

export function BanList({ filters }: { filters: Filters }) {
  const [window_, setWindow] = useState({ first: 0, last: 30 });
  const { total, rows, error } = usePages(filters, window_.first, window_.last);
  const { session } = useDesk();
  const box = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(rowHeight());
  const key = JSON.stringify(filters);
  const measure = () => {
    const element = box.current;
    if (element === null) return;
    const each = rowHeight();
    const first = Math.max(0, Math.floor(element.scrollTop / each) - spare_rows);
    setHeight(each);
    setWindow({ first, last: first + Math.ceil(element.clientHeight / each) + 2 * spare_rows });
  };
  useEffect(() => {
    box.current?.scrollTo({ top: 0 });
    measure();
  }, [key]);
  useEffect(() => {
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, []);
  const count = total ?? 0;
  useKeptFocus(total);
  const shown = Array.from(
    { length: Math.max(0, Math.min(window_.last, count) - window_.first) },
    (_, n) => window_.first + n,
  );
  return (
    <>
      <Trouble text={error} />
      <Total total={total} search={key} />
      <div
        class={`list ${session.serves}`}
        role="table"
        aria-label="Bans"
        aria-rowcount={count + 1}
        ref={box}
        onScroll={measure}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it, too
        tabIndex={0}
      >
        <Heads />
        <div class="body" role="rowgroup" style={{ height: `${count * height}px` }}>
          {shown.map((index) => (
            <Row
              key={index}
              index={index}
              top={index * height}
              row={rows.get(Math.floor(index / page_rows))?.[index % page_rows]}
            />
          ))}
        </div>
      </div>
      {total === 0 ? <Empty>Nothing that is banned fits this.</Empty> : null}
    </>
  );
}

/** The first total of each search is said aloud; what comes and goes after that is not. */
function Total({ total, search }: { total: number | null; search: string }) {
  const first = useRef<{ readonly search: string; readonly total: number } | null>(null);
  if (total !== null && first.current?.search !== search) first.current = { search, total };
  return (
    <>
      <p class="hint total">{total === null ? 'Looking …' : many(total, 'ban')}</p>
      <p class="unseen" role="status">
        {first.current === null ? '' : many(first.current.total, 'ban')}
      </p>
    </>
  );
}

function Heads() {
  return (
    <div role="rowgroup" class="heads">
      <div role="row" aria-rowindex={1}>
        {['Address', 'Jails', 'Hosts', 'Banned', 'Ends', 'Edge', 'Act'].map((head) => (
          <span key={head} role="columnheader" class={`c-${head.toLowerCase()}`}>
            {head}
          </span>
        ))}
      </div>
    </div>
  );
}

const tones = { block: 'bad', challenge: 'warn', off: 'plain' } as const;

function Row({ index, top, row }: { index: number; top: number; row: BanRow | undefined }) {
  const { ask, session } = useDesk();
  const style = { transform: `translateY(${top}px)` };
  if (row === undefined)
    return (
      <div role="row" class="row" aria-rowindex={index + 2} style={style}>
        <span role="cell" class="c-address">
          …
        </span>
      </div>
    );
  return (
    <div role="row" class="row" aria-rowindex={index + 2} style={style}>
      <span role="cell" class="c-address">
        <Address address={row.address} />
      </span>
      <span role="cell" class="c-jails">
        <Names names={row.jails} />
      </span>
      <span role="cell" class="c-hosts">
        <Names names={row.hosts ?? []} />
      </span>
      <span role="cell" class="c-banned">
        <Ago at={row.at} />
      </span>
      <span role="cell" class="c-ends">
        <Left until={row.until} />
      </span>
      <span role="cell" class="c-edge">
        {session.serves === 'fleet' ? <Badge tone={tones[row.action]}>{row.action}</Badge> : null}
      </span>
      <span role="cell" class="c-act">
        <button
          type="button"
          onClick={() => ask({ kind: 'unban', address: row.address })}
          aria-label={`Unban ${row.address}`}
        >
          Unban
        </button>
      </span>
    </div>
  );
}

function Names({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.map((name, index) => (
        <span key={name}>
          {index > 0 ? ', ' : ''}
          <Name text={name} />
        </span>
      ))}
    </>
  );
}

function withPage(known: Pages, page: number, changes: number, { total, rows }: BanRows): Pages {
  if (changes < (known.seen.get(page) ?? 0)) return known;
  const seen = new Map(known.seen).set(page, changes);
  return { seen, total, rows: new Map(known.rows).set(page, rows), error: null };
}

/** The pages from row `first` to `last`; read again when something has changed. */
function usePages(filters: Filters, first: number, last: number): Pages {
  const { changes, fail } = useDesk();
  const [pages, setPages] = useState(nothing);
  const asked = useRef(new Map<number, number>());
  const key = JSON.stringify(filters);
  const of = useRef(key);
  useEffect(() => {
    if (of.current !== key) setPages(nothing);
    of.current = key;
    asked.current.clear();
  }, [key, changes]);
  const from = Math.floor(first / page_rows);
  const to = Math.floor(last / page_rows);
  useEffect(() => {
    for (let page = from; page <= to; page++) {
      if (asked.current.get(page) === changes) continue;
      asked.current.set(page, changes);
      look('bans', { ...filters, offset: page * page_rows, limit: page_rows }).then(
        (answer) => {
          if (of.current === key) setPages((known) => withPage(known, page, changes, answer));
        },
        (thrown: unknown) => {
          const error = fail(thrown);
          setPages((known) => ({ ...known, error }));
        },
      );
    }
  }, [key, changes, from, to]);
  return pages;
}

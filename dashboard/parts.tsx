/** Small pieces that all views are made of. */
// biome-ignore-all lint/a11y/useSemanticElements: a real meter cannot be drawn alike in all browsers
import type { ComponentChildren } from 'preact';
import { useDesk } from './desk.ts';
import { ago, date, left, plain } from './words.ts';

/** A name that somebody else has chosen: shown as it is read, on its own, whatever is in it. */
export function Name({ text }: { text: string }) {
  return <bdi>{plain(text, 80)}</bdi>;
}

function storyLink(address: string): string {
  return `#/address/${encodeURIComponent(address)}`;
}

export function Address({ address }: { address: string }) {
  return (
    <a class="address" href={storyLink(address)}>
      {plain(address, 49)}
    </a>
  );
}

/** How long ago, with the date for who looks closer. */
export function Ago({ at }: { at: number }) {
  const { now } = useDesk();
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={date(at)}>
      {ago(at, now)}
    </time>
  );
}

export function Left({ until }: { until: number | null }) {
  const { now } = useDesk();
  return <span title={until === null ? 'never ends' : date(until)}>{left(until, now)}</span>;
}

export type Tone = 'good' | 'bad' | 'warn' | 'calm' | 'plain';

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function Card({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const id = `card-${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Trouble({ text }: { text: string | null }) {
  return text === null ? null : (
    <p class="banner bad" role="alert">
      {plain(text)}
    </p>
  );
}

/** How much of something is used; beyond nine tenths it warns. */
export function Meter({
  label,
  value,
  max,
  good = 'low',
}: {
  label: string;
  value: number;
  max: number;
  good?: string;
}) {
  const part = max <= 0 ? 0 : Math.min(1, value / max);
  const isTight = good === 'low' ? part > 0.9 : part < 0.1;
  return (
    <div
      class={`meter${isTight ? ' tight' : ''}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={Math.min(value, max)}
    >
      <div style={{ width: `${part * 100}%` }} />
    </div>
  );
}

/** A table that a narrow screen shows as a list: each cell bears its heading. */
export function Table({
  label,
  heads,
  children,
}: {
  label: string;
  heads: readonly string[];
  children: ComponentChildren;
}) {
  return (
    <div class="scroll">
      <table aria-label={label}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** One of several: radio buttons that look like one switch. */
export function Choice<T extends string>({
  name,
  label,
  options,
  value,
  onChange,
}: {
  name: string;
  label: string;
  options: readonly (readonly [T, string])[];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map(([key, text]) => (
        <label key={key} class={key === value ? 'on' : ''}>
          <input type="radio" name={name} checked={key === value} onChange={() => onChange(key)} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

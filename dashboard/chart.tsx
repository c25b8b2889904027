/** New bans over time, if there were any: a stacked chart (uPlot), its legend, and the same figures as a table. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Series } from '../shared/view.ts';
import { Name } from './parts.tsx';
import { count, date, plain } from './words.ts';

export type Span = '24' | '168' | '720';

const height_px = 240;

/** Told apart by those who do not see all colours, on light and on dark: by hue and by lightness in turn. */
const palettes = {
  light: ['#1f6feb', '#e8710a', '#1a936f', '#a371f7', '#c9364b', '#0891b2', '#b08800', '#7d4e9e', '#4d7c0f', '#be185d'],
  dark: ['#4c8dff', '#f6a04d', '#3fc796', '#c297ff', '#ff7b8a', '#3cc3de', '#e3b341', '#b98bdb', '#a3c95c', '#f778ba'],
} as const;
const inks = {
  light: { text: '#59636e', grid: '#e6e9ed' },
  dark: { text: '#9198a1', grid: '#262c36' },
} as const;

export function Chart({ series, span, isDark }: { series: Series; span: Span; isDark: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const palette = palettes[isDark ? 'dark' : 'light'];
  const colorOf = (index: number) => palette[index % palette.length] ?? palette[0];
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const plot = new uPlot(
      optionsOf(series, span, isDark, colorOf, element.clientWidth, setAt),
      stacked(series),
      element,
    );
    const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: height_px }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      plot.destroy();
    };
  }, [series, isDark]);
  const sumOf = (counts: readonly number[]) => counts.reduce((sum, each) => sum + each, 0);
  const steps = series.counts[0]?.length ?? 0;
  const isShown = at !== null && at < steps;
  return (
    <>
      <div class="chart" ref={box} role="img" aria-label={`New bans over time; the table below has the figures`} />
      <p class="legend-time" aria-hidden="true">
        {isShown
          ? `${date(series.from + at * series.step)} · ${count(sumOf(series.counts.map((each) => each[at] ?? 0)))} bans`
          : 'In all'}
      </p>
      <ul class="legend">
        {series.keys.map((key, index) => (
          <li key={key}>
            <span class="dot" style={{ background: colorOf(index) }} />
            <Name text={key} />
            <span class="value">
              {count(isShown ? (series.counts[index]?.[at] ?? 0) : sumOf(series.counts[index] ?? []))}
            </span>
          </li>
        ))}
      </ul>
      <Figures series={series} />
    </>
  );
}

/** For uPlot each series is drawn from the ground up: the tallest first, the others before it. */
function stacked({ from, step, counts }: Series): uPlot.AlignedData {
  const steps = counts[0]?.length ?? 0;
  const times = Array.from({ length: steps }, (_, index) => from + index * step);
  const sums = new Array<number>(steps).fill(0);
  const layers = counts.map((row) =>
    row.map((value, index) => {
      sums[index] = (sums[index] ?? 0) + value;
      return sums[index] ?? 0;
    }),
  );
  return [times, ...layers.toReversed()];
}

function optionsOf(
  { keys, counts, step }: Series,
  span: Span,
  isDark: boolean,
  colorOf: (index: number) => string,
  width: number,
  setAt: (at: number | null) => void,
): uPlot.Options {
  const ink = inks[isDark ? 'dark' : 'light'];
  const axis = {
    stroke: ink.text,
    grid: { stroke: ink.grid, width: 1 },
    ticks: { show: false },
    font: '12px system-ui',
  };
  const bars = uPlot.paths.bars?.({ size: [0.86, 60], align: 1 });
  return {
    width,
    height: height_px,
    legend: { show: false },
    padding: [12, 24, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { range: (_, min, max) => [min, max + step] },
      y: { range: () => [0, Math.max(4, highestOf(counts) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_, times) => times.map((time) => tick(time, span)),
        space: 64,
        size: 30,
      },
      {
        ...axis,
        size: 48,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000],
        values: (_, values) => values.map(count),
      },
    ],
    series: [
      {},
      ...keys
        .map((key, index) => ({
          label: plain(key, 80),
          fill: colorOf(index),
          width: 0,
          points: { show: false },
          ...(bars === undefined ? {} : { paths: bars }),
        }))
        .toReversed(),
    ],
    hooks: { setCursor: [({ cursor }) => setAt(cursor.idx ?? null)] },
  };
}

/** Of the sums of all keys. */
function highestOf(counts: Series['counts']): number {
  const sums = (counts[0] ?? []).map((_, index) => counts.reduce((sum, row) => sum + (row[index] ?? 0), 0));
  return sums.reduce((top, sum) => Math.max(top, sum), 0);
}

function tick(time: number, span: Span): string {
  const options: Intl.DateTimeFormatOptions =
    span === '24' ? { hour: '2-digit', minute: '2-digit' } : { day: '2-digit', month: 'short' };
  return new Intl.DateTimeFormat('en-GB', options).format(time * 1000);
}

/** What the picture shows, for who cannot see it. */
function Figures({ series: { keys, counts, from, step } }: { series: Series }) {
  const steps = Array.from({ length: counts[0]?.length ?? 0 }, (_, index) => index);
  const isBanned = (index: number) => counts.some((row) => (row[index] ?? 0) > 0);
  return (
    <details class="figures">
      <summary>Figures as a table</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              {keys.map((key) => (
                <th key={key} scope="col">
                  <Name text={key} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {steps.filter(isBanned).map((index) => (
              <tr key={index}>
                <th scope="row">{date(from + index * step)}</th>
                {keys.map((key, row) => (
                  <td key={key}>{count(counts[row]?.[index] ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

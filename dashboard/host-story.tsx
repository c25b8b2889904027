/** What one host knows of an address: its jails, the lines that were counted, the parts that a regex has caught. */
import type { JailStory, LineStory, Story } from '../shared/story.ts';
import { Ago, Badge, Card, Left, Name } from './parts.tsx';
import { many, plain, span } from './words.ts';

export function HostStory({ story }: { story: Story }) {
  return (
    <>
      {story.jails.map((jail) => (
        <Card key={jail.jail} title={`Jail ${plain(jail.jail, 64)}${jail.leftOut ? ' (left out for an error)' : ''}`}>
          <Rule jail={jail} />
          <ol class="lines">
            {jail.lines.map((line, index) => (
              <Line key={`${index} ${line.line}`} line={line} maxretry={jail.maxretry} />
            ))}
          </ol>
          <Actions jail={jail} />
        </Card>
      ))}
      {story.strangers.length === 0 ? null : (
        <p class="hint">Nothing is known of it in {story.strangers.map((name) => plain(name, 64)).join(', ')}.</p>
      )}
    </>
  );
}

function Rule({ jail: { maxretry, findtime, bantime, ban, counter, spared, past } }: { jail: JailStory }) {
  const length = bantime < 0 ? 'for ever' : `for ${span(bantime)}`;
  return (
    <dl class="facts">
      <dt>Rule</dt>
      <dd>
        {many(maxretry, 'failure')} within {span(findtime)} ban {length}
      </dd>
      {ban === null ? null : (
        <>
          <dt>Banned</dt>
          <dd>
            <Ago at={ban.at} />, after {many(ban.failures, 'failure')}, <Left until={ban.until} />
          </dd>
        </>
      )}
      {counter === null ? null : (
        <>
          <dt>Counted</dt>
          <dd>
            {counter.retry} of {maxretry}, the last <Ago at={counter.last} />
          </dd>
        </>
      )}
      {spared === null ? null : (
        <>
          <dt>Spared</dt>
          <dd>
            by <Name text={spared.by} /> <Name text={spared.entry} />
          </dd>
        </>
      )}
      {past === null ? null : (
        <>
          <dt>Known</dt>
          <dd>
            {many(past.count, 'ban')}, the newest <Ago at={past.at} />
          </dd>
        </>
      )}
    </dl>
  );
}

function Line({ line: { line, marks, count, regex }, maxretry }: { line: LineStory; maxretry: number }) {
  return (
    <li>
      <span class="hint">
        {count === null ? '' : `${count} of ${maxretry} · `}
        {regex === null ? 'no regex hits it today' : `regex ${regex.index}`}
      </span>
      <code title={regex === null ? undefined : plain(regex.text, 2_000)}>{marked(line, marks)}</code>
    </li>
  );
}

/** The line in pieces, those that the regex has caught marked. */
function marked(line: string, marks: LineStory['marks']) {
  const ends = [0, ...marks.flat(), line.length];
  return ends.slice(0, -1).map((from, index) => {
    const text = plain(line.slice(from, ends[index + 1]), 2_000);
    return index % 2 === 1 ? <mark key={index}>{text}</mark> : text;
  });
}

const tones = { blocked: 'good', done: 'good', missing: 'bad', failed: 'bad', unknown: 'warn' } as const;

function Actions({ jail: { actions } }: { jail: JailStory }) {
  return (
    <p class="actions">
      {actions.map(({ action, state }) => (
        <span key={action}>
          <Name text={action} /> <Badge tone={tones[state]}>{state}</Badge>{' '}
        </span>
      ))}
    </p>
  );
}

/** What a subscription missed: to be looked into, saved, and delivered after all. */
import { get } from './api.js';
import { Download } from './download.js';
import { bytes, duration, iso, visible } from './format.js';
import { html, useState } from './html.js';
import { Pager } from './pager.js';
import { Empty, Field, Loaded, Strange, Time } from './parts.js';
import { reasonText } from './reasons.js';
import { useResource } from './resource.js';
import { go, href } from './router.js';
import { Table } from './table.js';
import { Viewer } from './viewer.js';

const LIMIT = 50;
const PREVIEW = 120;
const HOUR_MS = 3600000;

export const sources = {
  backlog: {
    name: 'Not confirmed',
    about: 'Published, and not confirmed by this subscription yet, oldest first.',
    none: ['Nothing is missed', 'It has confirmed all that was published.'],
  },
  'dead-letters': {
    name: 'Dead letters',
    about: 'Given up after too many failures, in the order in which that happened; deliveries went on without them.',
    none: ['No dead letters', 'Nothing was given up, or all of it was redelivered since.'],
  },
  topic: {
    name: 'All of the topic',
    about: 'Everything published on the topic since then and still kept, confirmed or not: to choose where to replay from.',
    none: ['Nothing was published since then', 'Or its topic does not keep it any more.'],
  },
};

/** As <input type="datetime-local"> wants it; "" for what is no time, which the hub will say. */
function toField(value) {
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) return '';
  return new Date(time.getTime() - time.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function Sources({ path, source }) {
  const aim = name =>
    href(path, { source: name, since: name === 'topic' ? iso(Math.floor(Date.now() / 60000) * 60000 - HOUR_MS) : null });
  return html`<nav class="segments" aria-label="Which messages">
    ${Object.keys(sources).map(
      name => html`<a key=${name} href=${aim(name)} aria-current=${name === source ? 'true' : null}>${sources[name].name}</a>`,
    )}
  </nav>`;
}

function Since({ path, source, since, problem }) {
  const choose = event => {
    const { value } = event.target;
    if (value || source !== 'topic') go(href(path, { source, since: value ? iso(value) : null }), true);
  };
  return html`<${Field} label="Published since (local time)" id="since" problem=${problem}>
    <input id="since" type="datetime-local" step="1" required=${source === 'topic'} value=${since ? toField(since) : ''}
      onChange=${choose} />
  <//>`;
}

const preview = ({ body, size }) => {
  if (size === 0) return html`<span class="preview">empty</span>`;
  if (body.encoding !== 'text') return html`<span class="preview">binary</span>`;
  const text = visible(body.data.slice(0, PREVIEW).replace(/\s+/g, ' '));
  return html`<code class="preview"><bdi>${text}${body.data.length > PREVIEW ? '…' : ''}</bdi></code>`;
};

const columnsOf = (source, look) =>
  [
    { name: 'Published', cell: one => html`<${Time} value=${one.published_at} />` },
    {
      name: 'Message',
      kind: 'wide',
      cell: one => html`<button type="button" class="link" onClick=${() => look(one)}
          aria-label=${`Look into message ${one.id}`}><code>${visible(one.id)}</code></button>
        ${preview(one)}`,
    },
    source === 'dead-letters' && {
      name: 'Given up',
      cell: ({ dead_letter: letter }) =>
        letter && html`<${Time} value=${letter.at} ago /><br /><span class="soft">${reasonText(letter.reason)}</span>`,
    },
    { name: 'Type', cell: one => (one.content_type ? html`<${Strange} text=${one.content_type} code />` : '–') },
    { name: 'Size', kind: 'number', cell: one => bytes(one.size) },
  ].filter(Boolean);

/** Above the list: to whom it may matter that these messages will be gone. */
const Age = ({ items }) => {
  const first = items[0]?.published_at;
  return first ? html`The first of these is ${duration((Date.now() - Date.parse(first)) / 1000)} old.` : null;
};

/**
 * @param act  (name, message) => opens the dialog of an action; null: the user may not
 * @param interval  as of useResource
 * @param turn  a number; another one asks for the list again
 */
export function Missed({ subscription, query, act, interval, turn }) {
  const path = `subscriptions/${subscription.id}/messages`;
  const source = Object.hasOwn(sources, query.source ?? '') ? query.source : 'backlog';
  const { since = null, cursor = null } = query;
  const [shown, setShown] = useState(null); /* {items, index} */
  const from = `subscriptions/${encodeURIComponent(subscription.id)}/missed-messages`;
  const resource = useResource(
    signal => get(from, { source, since, cursor, limit: LIMIT }, signal),
    [source, since, cursor, turn],
    interval,
  );
  const wrong = resource.problem?.parameter === 'since' ? resource.problem : null;
  const look = items => one => setShown({ items, index: items.indexOf(one) });
  const actions = message =>
    act &&
    html`<div class="viewer-actions">
      <button type="button" onClick=${() => act('ContinueAt', message)}>Continue at this message…</button>
      <button type="button" class="primary" onClick=${() => act('RedeliverOne', message)}>Redeliver…</button>
    </div>`;

  return html`<section class="missed" aria-label="Messages">
    <div class="missed-tools">
      <${Sources} path=${path} source=${source} />
      ${source !== 'dead-letters' && html`<${Since} path=${path} source=${source} since=${since} problem=${wrong} />`}
      <div class="missed-end">
        ${act &&
        source === 'dead-letters' &&
        html`<button type="button" onClick=${() => act('RedeliverDeadLetters')}>Redeliver all dead letters…</button>`}
        <${Download} key=${`${source} ${since}`} path=${from} query=${{ source, since }}
          name=${`${source}-${subscription.id.slice(0, 12)}.ndjson`} />
      </div>
    </div>
    <${Loaded} key=${source} resource=${resource} what="messages">
      ${page => html`
        <p class="soft">${sources[source].about} ${!cursor && source === 'backlog' && html`<${Age} items=${page.items} />`}</p>
        ${page.items.length > 0
          ? html`<${Table} caption=${sources[source].name} columns=${columnsOf(source, look(page.items))} rows=${page.items}
              keyOf=${one => `${one.offset} ${one.dead_letter?.at ?? ''}`} />`
          : html`<${Nothing} source=${source} page=${page} />`}
        <${Pager} path=${path} query=${{ source, since, cursor }} next=${page.next_cursor} label="Pages of messages" />
      `}
    <//>
    ${shown &&
    html`<${Viewer} messages=${shown.items} index=${shown.index} actions=${actions} onClose=${() => setShown(null)}
      onIndex=${index => setShown({ ...shown, index })} />`}
  </section>`;
}

/* Reading is bounded: a page may be empty although more follows. */
function Nothing({ source, page }) {
  const [title, text] = sources[source].none;
  if (page.next_cursor) return html`<${Empty} title="None so far">There is more to look through: see the next page.<//>`;
  return html`<${Empty} title=${title}>${text}<//>`;
}

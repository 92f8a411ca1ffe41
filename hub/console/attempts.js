/** The timeline of a subscription: what failed, why, and what became of it; newest first. */
import { get } from './api.js';
import { duration, elapsed, iso, number, plural, visible } from './format.js';
import { html, useState } from './html.js';
import { Empty, Loaded, Strange, Time } from './parts.js';
import { reasonText } from './reasons.js';
import { useResource } from './resource.js';
import { href } from './router.js';

const PAGE = 1000;
const MAX_PAGES = 5;
const SHOWN = 100;
const DAY = 24;

const periods = [
  [1, 'Last hour'],
  [DAY, 'Last day'],
  [7 * DAY, 'Last 7 days'],
];

/** All since then, oldest first; `whole` false: there is more, and newer. */
async function load(path, hours, signal) {
  const since = iso(Date.now() - hours * 3600000);
  const items = [];
  let cursor = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { items: more, next_cursor: next } = await get(path, { since, cursor, limit: PAGE }, signal);
    items.push(...more);
    cursor = next;
    if (!cursor) break;
  }
  return { items, whole: !cursor };
}

/* [tone, what happened] */
const types = {
  'delivery.failed': ['bad', one => `Delivery failed: ${reasonText(one.reason, one.status)}`],
  'verification.failed': ['bad', one => `Verification failed: ${reasonText(one.reason, one.status)}`],
  'delivery.suspended': ['bad', () => 'Suspended: it has failed for too long'],
  'delivery.recovered': ['good', () => 'Recovered: deliveries succeed again'],
  'delivery.gone': ['bad', () => 'The callback said that it is gone: the subscription ends'],
  'delivery.dead_lettered': ['bad', () => 'A message was given up: it is a dead letter now'],
  'delivery.redelivered': ['good', () => 'A message was redelivered'],
  'delivery.not_redelivered': ['bad', () => 'A redelivery was given up'],
  'delivery.paused': ['idle', () => 'Paused by an operator'],
  'delivery.resumed': ['idle', () => 'Resumed by an operator'],
  'delivery.moved': ['idle', () => 'Moved to another place by an operator'],
};

const toneOf = one => types[one.type]?.[0] ?? 'idle';
const textOf = one => types[one.type]?.[1](one) ?? one.type;

const sameFailure = (a, b) =>
  a.type === b.type && a.type.endsWith('.failed') && a.reason === b.reason && a.status === b.status;

/** Newest first; failures of the same kind that follow each other are one entry. */
export function groupsOf(items) {
  const groups = [];
  for (const one of [...items].reverse()) {
    const last = groups.at(-1);
    if (last && sameFailure(last[0], one)) last.push(one);
    else groups.push([one]);
  }
  return groups;
}

const Details = ({ one }) => html`<span class="attempt-details soft">
  ${[
    one.failures > 0 && `${number(one.failures)} in a row`,
    one.duration_us !== null && `took ${elapsed(one.duration_us)}`,
    one.retry_in_ms > 0 && `next after ${duration(one.retry_in_ms / 1000)}`,
    one.offset !== null && `offset ${number(one.offset)}`,
  ]
    .filter(Boolean)
    .join(' · ')}
  ${one.message && html`${' '}<${Strange} text=${one.message} code />`}
</span>`;

const Excerpt = ({ one }) =>
  one.excerpt
    ? html`<p class="excerpt"><span class="soft">It answered:</span> <code><bdi>${visible(one.excerpt)}</bdi></code></p>`
    : null;

const Repeats = ({ group }) => html`<details>
  <summary>${plural(group.length, 'time')}, from <${Time} value=${group.at(-1).at} /> to <${Time} value=${group[0].at} /></summary>
  <ol class="repeats">
    ${group.map((one, i) => html`<li key=${`${one.at} ${i}`}><${Time} value=${one.at} /> <${Details} one=${one} /></li>`)}
  </ol>
</details>`;

const Entry = ({ group }) => html`<li class="attempt attempt-${toneOf(group[0])}">
  <p class="attempt-head"><${Time} value=${group[0].at} /> <strong>${visible(textOf(group[0]))}</strong></p>
  ${group.length > 1 ? html`<${Repeats} group=${group} />` : html`<${Details} one=${group[0]} />`}
  <${Excerpt} one=${group[0]} />
</li>`;

function Timeline({ items, whole }) {
  const [shown, setShown] = useState(SHOWN);
  const groups = groupsOf(items);
  if (groups.length === 0)
    return html`<${Empty} title="Nothing went wrong">
      No attempt failed in this period. Deliveries that succeed are not listed.
    <//>`;
  return html`
    ${!whole &&
    html`<p class="notice notice-warn">
      There were more than ${number(items.length)} in this period: the newest are missing. Choose a shorter one.
    </p>`}
    <ol class="timeline">
      ${groups.slice(0, shown).map(group => html`<${Entry} key=${`${group.at(-1).at} ${group.at(-1).type}`} group=${group} />`)}
    </ol>
    ${groups.length > shown &&
    html`<button type="button" onClick=${() => setShown(shown + SHOWN)}>Show older ones</button>`}
  `;
}

export function Attempts({ subscription, query, interval, turn }) {
  const path = `subscriptions/${encodeURIComponent(subscription.id)}/attempts`;
  const hours = periods.some(([value]) => value === Number(query.hours)) ? Number(query.hours) : DAY;
  const resource = useResource(signal => load(path, hours, signal), [hours, turn], interval);
  return html`<section aria-label="Attempts">
    <nav class="segments" aria-label="Period">
      ${periods.map(
        ([value, name]) => html`<a key=${value} href=${href(`subscriptions/${subscription.id}/attempts`, { hours: value })}
          aria-current=${value === hours ? 'true' : null}>${name}</a>`,
      )}
    </nav>
    <${Loaded} resource=${resource} what="attempts">${({ items, whole }) => html`<${Timeline} items=${items} whole=${whole} />`}<//>
  </section>`;
}

/** How the hub and its subscribers fare, right now and in the last hour. */
import { get } from './api.js';
import { Chart } from './chart.js';
import { number, plural, rate, compact } from './format.js';
import { html, useMemo } from './html.js';
import { Empty, Freshness, Lag, Loaded, NextAttempt, Status, Strange, Time, ViewHead, nameOfStatus } from './parts.js';
import { reasonText } from './reasons.js';
import { useResource } from './resource.js';
import { href } from './router.js';
import { Table } from './table.js';

const EVERY_MS = 5000;
export const BEHIND_SECONDS = 10; /* as the hub counts */

function verdictOf({ behind, subscriptions, dispatchers }) {
  if (!dispatchers.some(one => one.alive))
    return {
      tone: 'bad',
      text: 'No dispatcher reports.',
      more: 'Nothing is delivered or verified until one runs. What is published is kept.',
    };
  if (subscriptions.total === 0) return { tone: 'idle', text: 'Nobody has subscribed yet.', more: null };
  if (behind === 0)
    return { tone: 'good', text: `No subscription is more than ${BEHIND_SECONDS} s behind.`, more: null };
  return {
    tone: 'warn',
    text: `${number(behind)} of ${plural(subscriptions.total, 'subscription')} ${behind === 1 ? 'is' : 'are'} behind.`,
    more: `The oldest message that they have not confirmed is more than ${BEHIND_SECONDS} s old.`,
  };
}

const Verdict = ({ overview }) => {
  const { tone, text, more } = verdictOf(overview);
  return html`<div class="verdict verdict-${tone}" role="status">
    <p><strong>${text}</strong> ${more}</p>
  </div>`;
};

const Tile = ({ name, value, to, tone = 'plain' }) =>
  html`<li><a class="tile tile-${tone}" href=${to}><span class="tile-name">${name}</span>
    <span class="tile-value">${number(value)}</span></a></li>`;

function Tiles({ overview }) {
  const { subscriptions, behind, topics } = overview;
  const byStatus = status =>
    html`<${Tile}
      key=${status}
      name=${nameOfStatus(status)}
      value=${subscriptions[status]}
      to=${href('subscriptions', { status })}
      tone=${status === 'suspended' && subscriptions[status] > 0 ? 'bad' : 'plain'}
    />`;
  return html`<ul class="tiles" aria-label="Counts">
    <${Tile} name="Behind" value=${behind} tone=${behind > 0 ? 'warn' : 'plain'}
      to=${href('subscriptions', { min_lag_seconds: BEHIND_SECONDS })} />
    ${['suspended', 'paused', 'active', 'requested', 'lapsed', 'ending'].map(byStatus)}
    <${Tile} name="Subscriptions" value=${subscriptions.total} to=${href('subscriptions')} />
    <${Tile} name="Topics" value=${topics} to=${href('topics')} />
  </ul>`;
}

/** The hub's own record, and what it says of this moment. */
function pointsOf(overview) {
  const now = { at: overview.at, behind: overview.behind, ...overview.throughput };
  const points = overview.history.filter(point => point.at < now.at);
  points.push(now);
  return points;
}

function Charts({ overview }) {
  const points = useMemo(() => pointsOf(overview), [overview]);
  const times = useMemo(() => points.map(point => Date.parse(point.at)), [points]);
  const of = name => points.map(point => point[name]);
  if (points.length < 2)
    return html`<${Empty} title="No history yet">
      This hub has just started: it keeps the last hour, a point every 10 seconds.
    <//>`;
  return html`<div class="charts">
    <${Chart}
      title="Messages per second"
      times=${times}
      format=${rate}
      series=${[
        { label: 'Published', colour: '--chart-published', values: of('published_per_second') },
        { label: 'Delivered', colour: '--chart-delivered', values: of('delivered_per_second') },
        { label: 'Failed', colour: '--chart-failed', values: of('failed_per_second') },
      ]}
    />
    <${Chart}
      title="Subscriptions behind"
      times=${times}
      format=${number}
      whole
      series=${[{ label: 'Behind', colour: '--chart-behind', filled: true, values: of('behind') }]}
    />
  </div>`;
}

const laggingColumns = [
  {
    name: 'Subscription',
    kind: 'wide',
    cell: one => html`<a class="subject" href=${href(`subscriptions/${one.id}`)}><${Strange} text=${one.topic} /></a>
      <${Strange} text=${one.callback} code />`,
  },
  { name: 'Status', cell: one => html`<${Status} status=${one.status} />` },
  { name: 'Lag', cell: one => html`<${Lag} lag=${one.lag} />` },
  {
    name: 'Last failure',
    cell: ({ last_failure: failure }) =>
      failure
        ? html`${reasonText(failure.reason, failure.status)}, <${Time} value=${failure.at} ago />`
        : html`<span class="none">None known</span>`,
  },
  { name: 'Next attempt', cell: one => html`<${NextAttempt} value=${one.next_attempt_at} />` },
];

const Lagging = ({ overview }) => html`<section aria-labelledby="lagging">
  <h2 id="lagging">Furthest behind</h2>
  ${overview.top_lagging.length > 0
    ? html`<${Table} caption="Subscriptions that are furthest behind" columns=${laggingColumns}
        rows=${overview.top_lagging} keyOf=${one => one.id} />`
    : html`<${Empty} title="Nobody is behind">All that was published is confirmed.<//>`}
</section>`;

const dispatcherColumns = [
  {
    name: 'Dispatcher',
    kind: 'wide',
    cell: one => html`<${Strange} text=${one.id} code />`,
  },
  {
    name: 'State',
    cell: one => html`<span class="status status-${one.alive ? 'active' : 'suspended'}">${one.alive ? 'Alive' : 'Silent'}</span>`,
  },
  { name: 'Reported', cell: one => html`<${Time} value=${one.reported_at} ago />` },
  { name: 'Started', cell: one => html`<${Time} value=${one.started_at} ago />` },
  { name: 'Version', cell: one => visibleOrDash(one.version) },
  { name: 'Shards', kind: 'number', cell: one => html`<span title=${one.shards.join(', ')}>${number(one.shards.length)}</span>` },
  { name: 'Subscriptions', kind: 'number', cell: one => number(one.subscriptions) },
  { name: 'In flight', kind: 'number', cell: one => number(one.in_flight) },
  { name: 'Delivered', kind: 'number', cell: one => html`<span title=${number(one.delivered)}>${compact(one.delivered)}</span>` },
  { name: 'Failed', kind: 'number', cell: one => html`<span title=${number(one.failed)}>${compact(one.failed)}</span>` },
];

const visibleOrDash = text => (text ? html`<${Strange} text=${text} />` : '–');

const Dispatchers = ({ overview }) => html`<section aria-labelledby="dispatchers">
  <h2 id="dispatchers">Dispatchers</h2>
  ${overview.dispatchers.length > 0
    ? html`<${Table} caption="Dispatchers" columns=${dispatcherColumns} rows=${overview.dispatchers} keyOf=${one => one.id} />`
    : html`<${Empty} title="No dispatcher has reported">They make all calls to subscribers: start at least one.<//>`}
</section>`;

const consumerText = {
  consolidator: ['Consolidator', 'Requests and commands that are not folded into the state yet'],
  dispatchers: ['Dispatchers', 'Messages that those who keep up have not all confirmed yet'],
};

const offset = value => (value === null ? '–' : number(value));

const partitionColumns = [
  { name: 'Kafka topic', kind: 'wide', cell: one => html`<${Strange} text=${one.kafka_topic} code />` },
  { name: 'Partition', kind: 'number', cell: one => one.partition },
  { name: 'Position', kind: 'number', cell: one => offset(one.position) },
  { name: 'End', kind: 'number', cell: one => offset(one.end) },
  { name: 'Lag', kind: 'number', cell: one => offset(one.lag) },
];

function Consumer({ consumer }) {
  const [name, meaning] = consumerText[consumer.name] ?? [consumer.name, ''];
  const behind = consumer.partitions.filter(one => one.lag !== 0);
  return html`<div class="card consumer">
    <div class="consumer-head">
      <h3>${name}</h3>
      <span class="lag lag-${consumer.lag > 0 ? 'behind' : 'even'}">
        ${consumer.lag > 0 ? `${plural(consumer.lag, 'record')} behind` : 'up to date'}
      </span>
    </div>
    <p class="soft">${meaning}.</p>
    ${behind.length > 0 &&
    html`<details>
      <summary>${number(behind.length)} of ${plural(consumer.partitions.length, 'partition')} with lag, or not known</summary>
      <${Table} caption=${`Partitions of ${name}`} columns=${partitionColumns} rows=${behind}
        keyOf=${one => `${one.kafka_topic}/${one.partition}`} />
    </details>`}
  </div>`;
}

const Consumers = ({ overview }) => html`<section aria-labelledby="consumers">
  <h2 id="consumers">Consumers of Kafka</h2>
  <div class="consumers">
    ${overview.consumers.map(one => html`<${Consumer} key=${one.name} consumer=${one} />`)}
  </div>
</section>`;

export function Overview() {
  const resource = useResource(signal => get('overview', null, signal), [], EVERY_MS);
  return html`
    <${ViewHead} title="Overview"><${Freshness} resource=${resource} /><//>
    <${Loaded} resource=${resource} what="the overview">
      ${overview => html`
        <${Verdict} overview=${overview} />
        <${Tiles} overview=${overview} />
        <${Lagging} overview=${overview} />
        <${Charts} overview=${overview} />
        <${Dispatchers} overview=${overview} />
        <${Consumers} overview=${overview} />
      `}
    <//>
  `;
}

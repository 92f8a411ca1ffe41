/** Which subscriptions there are, in what condition, and how far behind. */
import { get } from './api.js';
import { Filters } from './filters.js';
import { duration, number } from './format.js';
import { html } from './html.js';
import { Pager } from './pager.js';
import { Empty, Field, Freshness, Lag, Loaded, Status, Strange, Time, ViewHead, nameOfStatus, statuses } from './parts.js';
import { reasonText } from './reasons.js';
import { useResource } from './resource.js';
import { href } from './router.js';
import { Table } from './table.js';

const EVERY_MS = 10000;
const LIMIT = 50;

const columns = [
  {
    name: 'Subscription',
    kind: 'wide',
    cell: one => html`<a class="subject" href=${href(`subscriptions/${one.id}`)}><${Strange} text=${one.topic} /></a>
      <${Strange} text=${one.callback} code />`,
  },
  { name: 'Status', cell: one => html`<${Status} status=${one.status} />` },
  { name: 'Lag', cell: one => html`<${Lag} lag=${one.lag} />` },
  { name: 'Last success', cell: one => html`<${Time} value=${one.last_success_at} ago />` },
  { name: 'Last failure', cell: one => html`<${LastFailure} failure=${one.last_failure} />` },
  {
    name: 'Owner',
    kind: 'short',
    cell: one => (one.owner ? html`<${Strange} text=${one.owner} />` : html`<span class="none">–</span>`),
  },
];

/* One that is over is history: how long ago it was is enough. */
function LastFailure({ failure }) {
  if (!failure) return html`<span class="none">–</span>`;
  const reason = reasonText(failure.reason, failure.status);
  if (failure.failures === 0) return html`<span class="soft" title=${reason}><${Time} value=${failure.at} ago /></span>`;
  return html`<span class="failing">${reason}</span><br />
    <span class="soft">${number(failure.failures)}×, <${Time} value=${failure.at} ago /></span>`;
}

const ages = [10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400];

function AgeOptions({ chosen }) {
  const other = Number(chosen);
  const shown = other > 0 && !ages.includes(other) ? [...ages, other].sort((a, b) => a - b) : ages;
  return html`<option value="">Any</option>
    ${shown.map(age => html`<option key=${age} value=${String(age)}>at least ${duration(age)}</option>`)}`;
}

function SubscriptionFilters({ query, operator, problem }) {
  const wrong = name => (problem?.parameter === name ? problem : null);
  const text = (name, label, mode = 'search') => html`<${Field} label=${label} id=${name} problem=${wrong(name)}>
    <input id=${name} name=${name} type="search" inputmode=${mode} placeholder=${mode === 'numeric' ? 'at least' : null} autocomplete="off" spellcheck=${false}
      defaultValue=${query[name] ?? ''} />
  <//>`;
  return html`<${Filters} path="subscriptions" query=${query}>
    ${text('topic', 'Topic contains')} ${text('callback_host', 'Callback host')}
    ${operator && text('owner', 'Owner')}
    <${Field} label="Status" id="status" problem=${wrong('status')}>
      <select id="status" name="status" value=${query.status ?? ''}>
        <option value="">Any</option>
        ${statuses.map(status => html`<option key=${status} value=${status}>${nameOfStatus(status)}</option>`)}
      </select>
    <//>
    <${Field} label="Lag in time" id="min_lag_seconds" problem=${wrong('min_lag_seconds')}>
      <select id="min_lag_seconds" name="min_lag_seconds" value=${query.min_lag_seconds ?? ''}>
        <${AgeOptions} chosen=${query.min_lag_seconds} />
      </select>
    <//>
    ${text('min_lag_messages', 'Lag in messages', 'numeric')}
  <//>`;
}

const None = ({ query, operator }) => {
  if (Object.keys(query).length > 0)
    return html`<${Empty} title="No subscription matches these filters">Upper and lower case count in topics.<//>`;
  return operator
    ? html`<${Empty} title="Nobody has subscribed yet" />`
    : html`<${Empty} title="You have no subscriptions">Those that you make with these credentials appear here.<//>`;
};

const filterNames = ['topic', 'callback_host', 'owner', 'status', 'min_lag_seconds', 'min_lag_messages'];

export function Subscriptions({ query, operator }) {
  const filter = Object.fromEntries(filterNames.map(name => [name, query[name]]));
  const { cursor = null } = query;
  const resource = useResource(
    signal => get('subscriptions', { ...filter, cursor, limit: LIMIT }, signal),
    [JSON.stringify(filter), cursor],
    EVERY_MS,
  );
  return html`
    <${ViewHead} title=${operator ? 'Subscriptions' : 'Your subscriptions'}><${Freshness} resource=${resource} /><//>
    <${SubscriptionFilters} query=${query} operator=${operator} problem=${resource.problem} />
    <${Loaded} resource=${resource} what="subscriptions">
      ${page => html`
        ${page.items.length > 0
          ? html`<${Table} caption="Subscriptions" columns=${columns} rows=${page.items} keyOf=${one => one.id} />`
          : html`<${None} query=${query} operator=${operator} />`}
        <${Pager} path="subscriptions" query=${query} next=${page.next_cursor} label="Pages of subscriptions" />
      `}
    <//>
  `;
}

/** Which topics are registered, and where their messages lie. */
import { get } from './api.js';
import { Filters } from './filters.js';
import { html } from './html.js';
import { Pager } from './pager.js';
import { Empty, Field, Freshness, Loaded, Strange, Time, ViewHead } from './parts.js';
import { useResource } from './resource.js';
import { href } from './router.js';
import { Table } from './table.js';

const EVERY_MS = 15000;
const LIMIT = 50;

const columns = [
  {
    name: 'Topic',
    kind: 'wide',
    cell: one => html`<a class="subject" href=${href('subscriptions', { topic: one.topic })}
      title="Its subscriptions"><${Strange} text=${one.topic} /></a>`,
  },
  { name: 'Registered', cell: one => html`<${Time} value=${one.registered_at} />` },
  { name: 'Kafka topic', kind: 'wide', cell: one => html`<${Strange} text=${one.kafka_topic} code />` },
  { name: 'Partition', kind: 'number', cell: one => one.partition },
];

const None = ({ query }) =>
  query.topic
    ? html`<${Empty} title="No topic contains this text">Upper and lower case count.<//>`
    : html`<${Empty} title="No topic is registered yet">
        Publishers register them: websub register --topic …
      <//>`;

export function Topics({ query }) {
  const { topic = '', cursor = null } = query;
  const resource = useResource(
    signal => get('topics', { topic, cursor, limit: LIMIT }, signal),
    [topic, cursor],
    EVERY_MS,
  );
  const wrong = resource.problem?.parameter === 'topic' ? resource.problem : null;
  return html`
    <${ViewHead} title="Topics"><${Freshness} resource=${resource} /><//>
    <${Filters} path="topics" query=${query}>
      <${Field} label="Topic contains" id="topic" problem=${wrong}>
        <input id="topic" name="topic" type="search" autocomplete="off" spellcheck=${false} defaultValue=${topic} />
      <//>
    <//>
    <${Loaded} resource=${resource} what="topics">
      ${page => html`
        ${page.items.length > 0
          ? html`<${Table} caption="Topics" columns=${columns} rows=${page.items} keyOf=${one => one.id} />`
          : html`<${None} query=${query} />`}
        <${Pager} path="topics" query=${query} next=${page.next_cursor} label="Pages of topics" />
      `}
    <//>
  `;
}

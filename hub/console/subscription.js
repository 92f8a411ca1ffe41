/** One subscription: how it fares and why, what it missed, and how that is put right. */
import { get } from './api.js';
import { Attempts } from './attempts.js';
import { diagnose } from './diagnosis.js';
import { duration, number, visible } from './format.js';
import { html, useRef, useState } from './html.js';
import { Missed } from './missed.js';
import { ContinueAt, Replay, Skip } from './move.js';
import { Copyable, Empty, Facts, Freshness, Lag, Loaded, NextAttempt, Status, Strange, Time, ViewHead } from './parts.js';
import { reasonText } from './reasons.js';
import { useResource } from './resource.js';
import { href } from './router.js';
import { Delete, Pause, RedeliverDeadLetters, RedeliverOne, Resume } from './simple_actions.js';

const EVERY_MS = 5000;
const OFTEN_MS = 1000; /* while a command is taking effect */
const OFTEN_FOR_MS = 30000;
/* These are read from Kafka each time. */
const PART_EVERY_MS = 15000;
const PART_OFTEN_MS = 2500;

const dialogs = { ContinueAt, Delete, Pause, RedeliverDeadLetters, RedeliverOne, Replay, Resume, Skip };

const parts = [
  ['messages', 'Missed messages'],
  ['attempts', 'Attempts'],
  ['details', 'Details'],
];

/** Commands make no sense for one that is not verified, or is over; the hub says the same (409). */
const takesCommands = ({ status }) => ['active', 'suspended', 'paused'].includes(status);

function Actions({ subscription, act }) {
  const { status, last_failure: failure } = subscription;
  const failing = status === 'suspended' || (status === 'active' && failure?.failures > 0);
  if (!takesCommands(subscription))
    return status === 'lapsed' ? html`<div class="actions"><${DeleteButton} act=${act} /></div>` : null;
  return html`<div class="actions" role="group" aria-label="Actions">
    ${status === 'paused' && html`<button type="button" class="primary" onClick=${() => act('Resume')}>Resume…</button>`}
    ${failing && html`<button type="button" class="primary" onClick=${() => act('Resume')}>Try again now…</button>`}
    ${status !== 'paused' && html`<button type="button" onClick=${() => act('Pause')}>Pause…</button>`}
    <button type="button" onClick=${() => act('Skip')}>Skip…</button>
    <button type="button" onClick=${() => act('Replay')}>Replay…</button>
    <${DeleteButton} act=${act} />
  </div>`;
}

const DeleteButton = ({ act }) =>
  html`<button type="button" class="danger-quiet" onClick=${() => act('Delete')}>Delete…</button>`;

function Diagnosis({ subscription }) {
  const { tone, headline, text, advice } = diagnose(subscription);
  /* Only the headline is news: the text counts seconds. */
  return html`<div class="verdict verdict-${tone}">
    <p><strong role="status">${headline}.</strong> ${visible(text)}</p>
    ${advice && html`<p class="advice">${advice}</p>`}
  </div>`;
}

function Figures({ subscription }) {
  const { lag, last_failure: failure } = subscription;
  return html`<dl class="figures">
    <div><dt>Lag</dt><dd><${Lag} lag=${lag} /></dd></div>
    <div><dt>Last success</dt><dd><${Time} value=${subscription.last_success_at} ago none="not known" /></dd></div>
    <div>
      <dt>Last failure</dt>
      <dd>
        ${failure
          ? html`<${Time} value=${failure.at} ago /><span class="figure-more">${reasonText(failure.reason, failure.status)}</span>`
          : html`<span class="none">none known</span>`}
      </dd>
    </div>
    <div><dt>Next attempt</dt><dd><${NextAttempt} value=${subscription.next_attempt_at} none="not waiting" /></dd></div>
  </dl>`;
}

const Details = ({ subscription }) => {
  const { location } = subscription;
  return html`<section aria-label="Details" class="card">
    <${Facts}
      entries=${[
        ['Id', html`<${Copyable} text=${subscription.id} label="the subscription id" />`],
        ['Topic', html`<${Strange} text=${subscription.topic} />`],
        ['Callback', html`<${Copyable} text=${subscription.callback} label="the callback" />`],
        ['Status', html`<${Status} status=${subscription.status} />`],
        ['Reason', subscription.reason ? html`<${Strange} text=${subscription.reason} />` : 'none'],
        ['Owner', subscription.owner ? html`<${Strange} text=${subscription.owner} />` : 'nobody known'],
        ['Lease ends', html`<${Time} value=${subscription.lease_end} />`],
        ['Lease', duration(subscription.lease_seconds)],
        ['Verified', html`<${Time} value=${subscription.verified_at} none="not yet" />`],
        ['Created', html`<${Time} value=${subscription.created_at} />`],
        ['Requests that wait', number(subscription.pending_requests)],
        ['Signed', subscription.signed ? `yes, ${subscription.signature_method ?? 'with the default method'}` : 'no'],
        ['In flight at most', subscription.max_in_flight > 0 ? number(subscription.max_in_flight) : 'the default'],
        ['Position', subscription.position === null ? 'not known' : `offset ${number(subscription.position)}`],
        [
          'Messages lie in',
          location ? html`<${Strange} text=${location.kafka_topic} code />, partition ${location.partition}` : 'not known',
        ],
      ]}
    />
  </section>`;
};

function Part({ part, ...props }) {
  if (part === 'attempts') return html`<${Attempts} ...${props} />`;
  if (part === 'details') return html`<${Details} subscription=${props.subscription} />`;
  return html`<${Missed} ...${props} />`;
}

export function Subscription({ id, part, query, operator }) {
  const often = useRef(0);
  const hurry = () => Date.now() < often.current;
  const interval = () => (hurry() ? OFTEN_MS : EVERY_MS);
  const partInterval = () => (hurry() ? PART_OFTEN_MS : PART_EVERY_MS);
  const resource = useResource(signal => get(`subscriptions/${encodeURIComponent(id)}`, null, signal), [id], interval);
  const [action, setAction] = useState(null); /* {name, message} */
  const [turn, setTurn] = useState(0);
  const here = parts.some(([name]) => name === part) ? part : 'messages';
  const act = operator ? (name, message = null) => setAction({ name, message }) : null;
  const dialog = action && dialogs[action.name];

  function reload() {
    resource.reload();
    setTurn(turn + 1);
  }
  function done() {
    often.current = Date.now() + OFTEN_FOR_MS;
    reload();
  }

  if (resource.problem?.status === 404)
    return html`<${ViewHead} title="No such subscription" />
      <${Empty} title=${resource.value ? 'It has ended' : 'There is no subscription with this id'}>
        ${resource.value ? 'It was deleted, unsubscribed, or its callback is gone. ' : 'It may have ended, or be another’s. '}
        <a href=${href('subscriptions')}>All subscriptions</a>
      <//>`;
  return html`<${Loaded} resource=${resource} what="the subscription">
    ${subscription => html`
      <nav class="crumbs" aria-label="Where you are"><a href=${href('subscriptions')}>Subscriptions</a></nav>
      <${ViewHead} title=${html`<${Strange} text=${subscription.topic} />`}>
        <${Freshness} resource=${resource} reload=${reload} />
      <//>
      <p class="callback"><${Status} status=${subscription.status} /> <${Strange} text=${subscription.callback} code /></p>
      <${Diagnosis} subscription=${subscription} />
      ${act && html`<${Actions} subscription=${subscription} act=${act} />`}
      <${Figures} subscription=${subscription} />
      <nav class="tabs" aria-label="About this subscription">
        ${parts.map(
          ([name, title]) => html`<a key=${name} href=${href(`subscriptions/${id}/${name}`)}
            aria-current=${name === here ? 'page' : null}>${title}</a>`,
        )}
      </nav>
      <${Part} part=${here} subscription=${subscription} query=${query} act=${act} interval=${partInterval} turn=${turn} />
      ${dialog &&
      html`<${dialog} subscription=${subscription} message=${action.message} onDone=${done} onClose=${() => setAction(null)} />`}
    `}
  <//>`;
}

/** Actions that need no more than a yes: pause, resume, redeliver, delete. */
import { ActionDialog } from './actions.js';
import { lag as lagText, time } from './format.js';
import { html, useState } from './html.js';
import { Copyable, Lag } from './parts.js';

function Simple(props) {
  const [problem, setProblem] = useState(null);
  return html`<${ActionDialog} ...${props} problem=${problem} setProblem=${setProblem} />`;
}

const behind = subscription => ['Lag', html`<${Lag} lag=${subscription.lag} />`];

export const Pause = props => html`<${Simple} ...${props} title="Pause deliveries" action="pause" confirm="Pause"
    about=${[behind(props.subscription)]} done="The pause is written down; it takes effect in a moment.">
  <p>Nothing is sent to this callback until somebody resumes it, not even a probe. What is under way may still arrive.</p>
  <p>Its messages wait, for as long as their topic keeps them. The lease goes on, and may end meanwhile.</p>
<//>`;

export function Resume(props) {
  const { subscription } = props;
  const paused = subscription.status === 'paused';
  const waits = lagText(subscription.lag);
  return html`<${Simple} ...${props} title=${paused ? 'Resume deliveries' : 'Try again now'} action="resume"
      confirm=${paused ? 'Resume' : 'Try now'} about=${[behind(subscription)]}
      done=${paused ? 'It is resumed in a moment.' : 'It is tried again in a moment.'}>
    ${paused
      ? html`<p>Deliveries continue at once, in order, with the oldest message that it has not confirmed (${waits}).</p>`
      : html`<p>
          The oldest message that it has not confirmed is sent at once, rather than
          ${subscription.next_attempt_at ? ` on ${time(subscription.next_attempt_at)}` : ' later'}. If it is taken, the
          others follow in order.
        </p>`}
  <//>`;
}

export const RedeliverOne = props => html`<${Simple} ...${props} title="Redeliver a message" action="redeliver"
    confirm="Redeliver" body=${() => ({ offset: props.message.offset })}
    about=${[
      ['Message', html`<${Copyable} text=${props.message.id} label="the message id" />`],
      ['Published', props.message.published_at ? time(props.message.published_at) : 'not known'],
    ]}
    done="The message is sent once more in a moment.">
  <p>This one message is sent once more, beside the others and apart from their order. Nothing else changes.</p>
<//>`;

export const RedeliverDeadLetters = props => html`<${Simple} ...${props} title="Redeliver all dead letters"
    action="redeliver" confirm="Redeliver all" body=${() => ({ dead_letters: true })}
    done="The dead letters are sent once more, one at a time.">
  <p>
    All messages that were given up for this subscription, and not redelivered with success since, are sent once more, one
    at a time, beside the others and apart from their order. Those that arrive are no dead letters any more.
  </p>
<//>`;

export const Delete = props => html`<${Simple} ...${props} title="Delete the subscription" action="" method="DELETE" danger
    confirm="Delete" about=${[behind(props.subscription)]} done="The subscription ends in a moment.">
  <p>
    <strong>This cannot be undone.</strong> The subscription ends, its callback is told so, and what it has not
    confirmed is not delivered any more.
  </p>
  <p>Only the subscriber can subscribe again. It then starts with what is published from then on.</p>
<//>`;

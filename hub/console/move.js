/** Going on at another place: ahead (skip) or back (replay). */
import { ActionDialog } from './actions.js';
import { iso, number, time } from './format.js';
import { html, useState } from './html.js';
import { Copyable, Field, Lag } from './parts.js';

const kinds = {
  end: { name: 'Everything missed until now', body: () => ({ to: 'end' }) },
  beginning: { name: 'The oldest message that is still kept', body: () => ({ to: 'beginning' }) },
  time: {
    name: 'A time',
    parameter: 'to',
    label: 'First message that came then or later (local time)',
    input: { type: 'datetime-local', step: 1 },
    body: value => (value ? { to: iso(value) } : 'Choose a time.'),
  },
  message: {
    name: 'A message, by its id',
    parameter: 'message',
    label: 'Message id, as in X-Hub-Message-Id',
    input: { type: 'text', spellcheck: false },
    body: value => (value.trim() ? { message: value.trim() } : 'Enter the id of a message.'),
  },
  offset: {
    name: 'A message, by its offset',
    parameter: 'offset',
    label: 'Offset in the Kafka partition',
    input: { type: 'number', min: 0, step: 1 },
    body: value => (value === '' ? 'Enter the offset of a message.' : { offset: Number(value) }),
  },
};

/** @param choices  names of kinds; the first is chosen */
function Move({ choices, legend, ...props }) {
  const [kind, setKind] = useState(choices[0]);
  const [value, setValue] = useState('');
  const [problem, setProblem] = useState(null);
  const { parameter, label, input, body } = kinds[kind];
  const choose = name => {
    setKind(name);
    setValue('');
    setProblem(null);
  };
  const about = [['Lag', html`<${Lag} lag=${props.subscription.lag} />`]];
  return html`<${ActionDialog} ...${props} action="move" about=${about} body=${() => body(value)}
      problem=${problem} setProblem=${setProblem} problemFields=${parameter ? [parameter] : []}>
    ${props.children}
    <fieldset class="choice">
      <legend>${legend}</legend>
      ${choices.map(
        name => html`<label key=${name}>
          <input type="radio" name="place" value=${name} checked=${name === kind} onChange=${() => choose(name)} />
          ${kinds[name].name}
        </label>`,
      )}
    </fieldset>
    ${parameter &&
    html`<${Field} key=${kind} label=${label} id="place" problem=${problem?.parameter === parameter ? problem : null}>
      <input id="place" ...${input} autocomplete="off" value=${value} onInput=${event => setValue(event.target.value)} />
    <//>`}
  <//>`;
}

export const Skip = props => html`<${Move} ...${props} title="Skip messages" confirm="Skip" danger
    choices=${['end', 'time', 'message']} legend="Skip to"
    done="The skip is written down; it takes effect in a moment.">
  <p>
    What lies between is <strong>not delivered</strong>; deliveries continue, in order, at the place that you choose. While
    the topic keeps the messages, a replay can bring them back.
  </p>
<//>`;

export const Replay = props => html`<${Move} ...${props} title="Replay messages" confirm="Replay"
    choices=${['time', 'message', 'offset', 'beginning']} legend="Replay from"
    done="The replay is written down; it begins in a moment.">
  <p>
    All messages from there on are delivered, in order, <strong>also those that it has confirmed already</strong>. They carry
    the same message ids, by which the subscriber can tell them.
  </p>
<//>`;

/** Goes on at one message that is on show. */
export function ContinueAt(props) {
  const { subscription, message } = props;
  const [problem, setProblem] = useState(null);
  const { position } = subscription;
  const back = position !== null && message.offset < position;
  const ahead = position !== null && message.offset > position;
  const about = [
    ['Message', html`<${Copyable} text=${message.id} label="the message id" />`],
    ['Published', message.published_at ? time(message.published_at) : 'not known'],
    position !== null && ['Position now', `offset ${number(position)}; this message: ${number(message.offset)}`],
  ].filter(Boolean);
  return html`<${ActionDialog} ...${props} title=${back ? 'Replay from this message' : 'Continue at this message'}
      action="move" confirm=${back ? 'Replay' : 'Continue here'} danger=${!back} about=${about}
      body=${() => ({ offset: message.offset })} problem=${problem} setProblem=${setProblem}
      done="The move is written down; it takes effect in a moment.">
    ${!back && html`<p>Messages before it that are not confirmed yet are <strong>skipped</strong>.</p>`}
    ${!ahead && html`<p>This message and all after it are delivered, in order, also those that were confirmed already.</p>`}
  <//>`;
}

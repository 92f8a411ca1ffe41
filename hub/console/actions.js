/**
 * What an operator can do to a subscription. Each action is a dialog that says what will happen, and
 * then one command to the API; the hub's word against it is shown beside what it is about.
 */
import { announce } from './announce.js';
import { command } from './api.js';
import { Dialog } from './dialog.js';
import { html, useState } from './html.js';
import { Facts, Field, ProblemNotice, Strange } from './parts.js';

const path = (subscription, action = '') =>
  `subscriptions/${encodeURIComponent(subscription.id)}${action && `/${action}`}`;

/**
 * @param about  [[name, value]] to be seen before one agrees
 * @param children  what will happen
 * @param body  () => members of the command; a string instead: what is missing
 * @param problemFields  parameters whose problems the children show themselves
 */
export function ActionDialog(props) {
  const { title, subscription, action, method = 'POST', confirm, danger = false, body = () => ({}) } = props;
  const { done, onDone, onClose, children, about = [], problem, setProblem, problemFields = [] } = props;
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const at = name => (problem?.parameter === name ? problem : null);
  const elsewhere = problem && !['reason', ...problemFields].includes(problem.parameter) ? problem : null;

  async function submit(event) {
    event.preventDefault();
    const members = body();
    if (typeof members === 'string') {
      setProblem({ detail: members, parameter: problemFields[0] });
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await command(method, path(subscription, action), reason ? { ...members, reason } : members);
      announce(done);
      onDone();
      onClose();
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  }

  const footer = html`
    <button type="button" onClick=${onClose} autofocus=${danger}>Cancel</button>
    <button type="submit" form="action" autofocus=${!danger} class=${danger ? 'danger' : 'primary'} disabled=${busy}>
      ${busy ? 'Sending…' : confirm}
    </button>
  `;
  return html`<${Dialog} title=${title} onClose=${onClose} footer=${footer}>
    <form id="action" class="action" onSubmit=${submit}>
      <${Facts}
        entries=${[
          ['Topic', html`<${Strange} text=${subscription.topic} />`],
          ['Callback', html`<${Strange} text=${subscription.callback} code />`],
          ...about,
        ]}
      />
      ${children}
      ${elsewhere && html`<${ProblemNotice} problem=${elsewhere} />`}
      <${Field} label="Reason (optional)" id="reason" hint="Kept with the command; a pause shows it." problem=${at('reason')}>
        <input id="reason" maxlength="100" autocomplete="off" value=${reason} aria-describedby="reason-hint"
          onInput=${event => setReason(event.target.value)} />
      <//>
    </form>
  <//>`;
}

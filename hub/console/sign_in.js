/** Credentials, of the kinds that the hub says it takes (WWW-Authenticate). */
import { html, useState } from './html.js';
import { ViewHead, Field, ProblemNotice } from './parts.js';
import { keepPassword, keepToken } from './session.js';

const PasswordFields = () => html`
  <${Field} label="User" id="user">
    <input id="user" name="user" autocomplete="username" autocapitalize="none" spellcheck=${false} required />
  <//>
  <${Field} label="Password" id="password">
    <input id="password" name="password" type="password" autocomplete="current-password" required />
  <//>
`;

const TokenField = () => html`
  <${Field} label="Bearer token" id="token" hint="Without “Bearer” before it.">
    <input id="token" name="token" type="password" autocomplete="off" spellcheck=${false} required
      aria-describedby="token-hint" />
  <//>
`;

export function SignIn({ access }) {
  const { problem, refused, check } = access;
  const byPassword = problem.schemes.includes('basic');
  const both = byPassword && problem.schemes.includes('bearer');
  const [chosen, setChosen] = useState(null);
  const [busy, setBusy] = useState(false);
  const kind = chosen ?? (byPassword ? 'password' : 'token');

  async function submit(event) {
    event.preventDefault();
    const values = new FormData(event.target);
    if (kind === 'password') keepPassword(values.get('user'), values.get('password'));
    else keepToken(values.get('token').trim());
    setBusy(true);
    await check();
    setBusy(false);
  }

  const option = (value, name) => html`<label>
    <input type="radio" name="kind" value=${value} checked=${kind === value} onChange=${() => setChosen(value)} />
    ${name}
  </label>`;

  return html`<div class="sign-in card">
    <${ViewHead} title="Sign in" />
    ${refused
      ? html`<${ProblemNotice} problem=${{ title: 'Not accepted', detail: problem.detail }} />`
      : html`<p class="soft">The hub wants to know who you are. What you enter stays in this tab, until it is closed.</p>`}
    <form onSubmit=${submit}>
      ${both &&
      html`<fieldset class="choice"><legend>With</legend>${option('password', 'Password')} ${option('token', 'Token')}</fieldset>`}
      ${kind === 'password' ? html`<${PasswordFields} />` : html`<${TokenField} />`}
      <button type="submit" class="primary" disabled=${busy}>${busy ? 'Signing in…' : 'Sign in'}</button>
    </form>
  </div>`;
}

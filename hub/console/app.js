/** The frame of the page: who looks at it, where he is, and the view of that. */
import { useAccess } from './access.js';
import { Announcements } from './announce.js';
import { html, useEffect, useErrorBoundary, useState } from './html.js';
import { Overview } from './overview.js';
import { Empty, Loading, ProblemNotice, ViewHead } from './parts.js';
import { go, href, useRoute } from './router.js';
import { isSignedIn, userName } from './session.js';
import { SignIn } from './sign_in.js';
import { Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';
import { Topics } from './topics.js';

const sections = [
  { path: '', name: 'Overview', operators: true },
  { path: 'subscriptions', name: 'Subscriptions', operators: false },
  { path: 'topics', name: 'Topics', operators: true },
];

const themes = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

function ThemeChoice() {
  const [choice, setChoice] = useState(window.consoleTheme.choice);
  function choose(event) {
    window.consoleTheme.choose(event.target.value);
    setChoice(event.target.value);
  }
  return html`<label class="theme-choice">
    <span class="unseen">Colours</span>
    <select value=${choice} onChange=${choose} title="Colours">
      ${themes.map(([value, name]) => html`<option key=${value} value=${value}>${name}</option>`)}
    </select>
  </label>`;
}

function Header({ access, section }) {
  const shown = access.state === 'in' ? sections.filter(one => access.operator || !one.operators) : [];
  return html`<header class="bar">
    <div class="bar-inside">
      <a class="brand" href="#/"><img src="icon.svg" alt="" width="26" height="26" /><span>WebSub hub</span></a>
      ${shown.length > 0 &&
      html`<nav class="sections" aria-label="Sections">
        ${shown.map(
          one =>
            html`<a key=${one.path} href=${href(one.path)} aria-current=${one === section ? 'page' : null}>
              ${one.name}
            </a>`,
        )}
      </nav>`}
      <div class="bar-end">
        ${access.state === 'in' &&
        isSignedIn() &&
        html`<span class="user" title=${access.operator ? 'Operator' : 'Sees what is his own'}>${userName() ?? 'Signed in'}</span>
          <button type="button" class="quiet" onClick=${access.signOut}>Sign out</button>`}
        <${ThemeChoice} />
      </div>
    </div>
  </header>`;
}

const NotFound = () => html`
  <${ViewHead} title="Nothing here" />
  <${Empty} title="There is no such view.">
    <a href=${href('')}>Go to the start</a>
  <//>
`;

function View({ route, access }) {
  const [section = '', id, part] = route.segments;
  const { operator } = access;
  if (section === '' && operator) return html`<${Overview} />`;
  if (section === 'topics' && operator && !id) return html`<${Topics} query=${route.query} />`;
  if (section === 'subscriptions' && !id)
    return html`<${Subscriptions} query=${route.query} operator=${operator} />`;
  if (section === 'subscriptions')
    return html`<${Subscription} id=${id} part=${part} query=${route.query} operator=${operator} />`;
  return html`<${NotFound} />`;
}

/** A view that breaks takes neither the frame with it nor the other views. */
function Guarded({ route, access }) {
  const [error, again] = useErrorBoundary();
  if (!error) return html`<${View} route=${route} access=${access} />`;
  const problem = { title: 'This view has failed', detail: String(error) };
  return html`<${ProblemNotice} problem=${problem} retry=${again} />`;
}

function Content({ route, access }) {
  switch (access.state) {
    case 'in':
      return html`<${Guarded} key=${route.segments.slice(0, 2).join('/')} route=${route} access=${access} />`;
    case 'out':
      return html`<${SignIn} access=${access} />`;
    case 'failed':
      return html`<${ProblemNotice} problem=${access.problem} retry=${access.check} />`;
    default:
      return html`<${Loading} what="the console" />`;
  }
}

export function App() {
  const access = useAccess();
  const route = useRoute();
  const section = sections.find(one => one.path === (route.segments[0] ?? ''));
  const [, id, part] = route.segments;
  useEffect(() => {
    if (access.state === 'in' && !access.operator && route.segments.length === 0)
      go(href('subscriptions'), true);
  }, [access.state, access.operator, route.hash]);
  useEffect(() => {
    const name = access.state === 'out' ? 'Sign in' : (section?.name ?? 'Nothing here');
    const where = access.state === 'in' && id ? [part, id.slice(0, 8)].filter(Boolean).join(' of ') : null;
    document.title = [where, name, 'WebSub hub'].filter(Boolean).join(' · ');
  }, [section, id, part, access.state]);

  const skip = event => {
    event.preventDefault(); /* the hash is the router's */
    document.querySelector('main').focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <${Header} access=${access} section=${section} />
    <main id="main" tabindex="-1"><${Content} route=${route} access=${access} /></main>
    <${Announcements} />
  `;
}

/** Small parts that several views are made of. */
import { isBehind, lag as lagText, relative, time, visible, clock } from './format.js';
import { html, useEffect, useRef, useState } from './html.js';
import { setLive, useLive } from './live.js';

/** A stranger's text: in one line of its own direction, and whole as a title. */
export function Strange({ text, code = false }) {
  const shown = visible(text);
  return code
    ? html`<code class="strange"><bdi>${shown}</bdi></code>`
    : html`<bdi class="strange">${shown}</bdi>`;
}

/** Local time; exactly, in UTC, as title. `ago`: rather how long ago, or how soon. */
export function Time({ value, ago = false, none = '–' }) {
  if (!value) return html`<span class="none">${none}</span>`;
  const text = ago ? relative(value) : time(value);
  return html`<time datetime=${value} title=${ago ? `${time(value)} (${value})` : value}>${text}</time>`;
}

/** When it is tried again; the hub's last word on that may be some seconds old. */
export function NextAttempt({ value, none }) {
  if (value && Date.parse(value) <= Date.now()) return html`<time datetime=${value} title=${value}>due now</time>`;
  return html`<${Time} value=${value} ago none=${none} />`;
}

const statusText = {
  requested: 'Requested',
  active: 'Active',
  suspended: 'Suspended',
  paused: 'Paused',
  lapsed: 'Lapsed',
  ending: 'Ending',
};
export const statuses = Object.keys(statusText);
export const nameOfStatus = status => statusText[status] ?? status;

export const Status = ({ status }) =>
  html`<span class="status status-${statusText[status] ? status : 'other'}">${nameOfStatus(status)}</span>`;

export function Lag({ lag }) {
  const tone = !lag ? 'none' : isBehind(lag) ? 'behind' : 'even';
  const title = lag && !lag.exact ? 'Other topics share its Kafka partition: not all of these are its own.' : null;
  return html`<span class="lag lag-${tone}" title=${title}>${lagText(lag)}</span>`;
}

/** What went wrong: of a load (with a way to try again), or of a request. */
export function ProblemNotice({ problem, retry = null }) {
  return html`<div class="notice notice-bad" role="alert">
    <p><strong>${visible(problem.title)}.</strong> ${visible(problem.detail ?? problem.message)}</p>
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

export const Loading = ({ what }) =>
  html`<p class="loading" role="status"><span class="spinner" aria-hidden="true"></span>Loading ${what}…</p>`;

/** Nothing to show, and that this is all right, or what to do about it. */
export const Empty = ({ title, children }) =>
  html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<p>${children}</p>`}</div>`;

/**
 * What a resource has become: it, or why it is not there; when only its renewal failed, both.
 * `children` is called with the value.
 */
export function Loaded({ resource, what, children }) {
  const { value, problem, reload } = resource;
  if (value === null && problem) return html`<${ProblemNotice} problem=${problem} retry=${reload} />`;
  if (value === null) return html`<${Loading} what=${what} />`;
  return html`
    ${problem && html`<${ProblemNotice} problem=${problem} retry=${reload} />`}
    ${children(value)}
  `;
}

/** How old what is shown is, and whether it goes on changing. */
export function Freshness({ resource, reload = resource.reload }) {
  const live = useLive();
  return html`<div class="freshness">
    <span class="freshness-dot ${live && !resource.problem ? 'is-live' : ''}" aria-hidden="true"></span>
    <span>${resource.at ? `As of ${clock(resource.at)}` : 'Loading…'}</span>
    <button type="button" class="quiet" aria-pressed=${!live} onClick=${() => setLive(!live)}>Pause updates</button>
    ${!live && html`<button type="button" class="quiet" onClick=${reload}>Refresh</button>`}
  </div>`;
}

let isFirst = true;

/** Heading of a view. Whoever goes to another view hears, and tabs on from, its heading. */
export function ViewHead({ title, children }) {
  const heading = useRef(null);
  useEffect(() => {
    if (!isFirst) heading.current.focus();
    isFirst = false;
  }, []);
  return html`<header class="view-head">
    <h1 tabindex="-1" ref=${heading}>${title}</h1>
    ${children}
  </header>`;
}

/** An id that is too long to be read, but may be wanted elsewhere. */
export function Copyable({ text, label }) {
  const [done, setDone] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
    } catch {
      setDone(false); /* not allowed: it can still be selected */
    }
  }
  return html`<span class="copyable">
    <${Strange} text=${text} code />
    ${navigator.clipboard &&
    html`<button type="button" class="quiet small" aria-label=${`Copy ${label}`} onClick=${copy}>
      ${done ? 'Copied' : 'Copy'}
    </button>`}
  </span>`;
}

/** Names and what they are; entries that are null are left out. */
export const Facts = ({ entries }) =>
  html`<dl class="facts">
    ${entries.filter(Boolean).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;

/** A label above what it names; `problem` is what the hub said of the value. */
export function Field({ label, id, hint = null, problem = null, children }) {
  return html`<div class="field ${problem ? 'is-wrong' : ''}">
    <label for=${id}>${label}</label>
    ${children}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${problem && html`<p class="wrong" role="alert">${visible(problem.detail)}</p>`}
  </div>`;
}

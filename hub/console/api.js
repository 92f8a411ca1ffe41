/** The operator API (/api/v1): requests, and problems as errors. Knows nothing of the page. */
import { authorization } from './session.js';

/* Relative to the page, as a proxy may have put the hub below a path of its own. */
const base = new URL('../api/v1/', document.baseURI);

/** What the hub said of a request that it did not grant (RFC 9457), or why it could not be asked. */
export class Problem extends Error {
  constructor({ status = 0, title = 'Failed', detail = '', parameter = null, schemes = [] }) {
    super(detail || title);
    this.status = status; /* 0: there was no answer */
    this.title = title;
    this.detail = detail || title;
    this.parameter = parameter;
    this.schemes = schemes; /* of a 401: "basic", "bearer" */
  }
}

let onUnauthorized = () => {};
/** `handler` is called with the problem whenever credentials are missing or not good any more. */
export const watchUnauthorized = handler => {
  onUnauthorized = handler;
};

/*
 * A browser asks for a password itself, in a window of its own, when "Basic" is offered and cookies
 * may be sent. So they are not, until the hub has asked for something else: client certificates and
 * cookies are credentials, too.
 */
let credentials = 'omit';

/** Schemes of WWW-Authenticate, in lower case (RFC 9110, section 11.6.1). */
export function schemesOf(header) {
  const unquoted = (header ?? '').replace(/"(?:\\.|[^"\\])*"/g, '""');
  const found = [...unquoted.matchAll(/(?:^|,)\s*(basic|bearer)\b(?!\s*=)/gi)];
  return [...new Set(found.map(match => match[1].toLowerCase()))];
}

async function problemOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    /* not the API that answered: a proxy, or a hub that is starting */
  }
  const starting = response.status === 503 ? 'The hub is starting or stopping.' : '';
  return new Problem({
    status: response.status,
    title: typeof body.title === 'string' ? body.title : `HTTP ${response.status}`,
    detail: typeof body.detail === 'string' ? body.detail : starting,
    parameter: typeof body.parameter === 'string' ? body.parameter : null,
    schemes: schemesOf(response.headers.get('WWW-Authenticate')),
  });
}

function urlOf(path, query) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, value);
  return url;
}

async function ask(method, path, { query, body, signal } = {}) {
  const headers = {};
  if (authorization()) headers.Authorization = authorization();
  if (body) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(urlOf(path, query), {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
      credentials,
      cache: 'no-store',
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ title: 'No answer', detail: 'The hub cannot be reached.' });
  }
}

async function send(method, path, options) {
  let response = await ask(method, path, options);
  if (response.status === 401 && credentials === 'omit' && !authorization()) {
    const schemes = schemesOf(response.headers.get('WWW-Authenticate'));
    if (!schemes.includes('basic')) {
      credentials = 'same-origin';
      response = await ask(method, path, options);
    }
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401) onUnauthorized(problem);
  throw problem;
}

/** The JSON of an answer; `query` without what is null or empty. Throws a Problem. */
export async function get(path, query, signal) {
  return (await send('GET', path, { query, signal })).json();
}

/** A command; resolves with its id once it is written down. */
export async function command(method, path, body) {
  return (await (await send(method, path, { body })).json()).command;
}

/** A page of a list as lines of JSON, and where the next one begins (null: nowhere). */
export async function lines(path, query, signal) {
  const response = await send('GET', path, { query: { ...query, format: 'ndjson' }, signal });
  return { text: await response.text(), next: response.headers.get('X-Next-Cursor') };
}

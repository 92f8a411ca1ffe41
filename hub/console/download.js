/** Saves a list of messages as NDJSON: page by page, as far as memory allows. */
import { lines } from './api.js';
import { number, plural } from './format.js';
import { html, useEffect, useRef, useState } from './html.js';
import { ProblemNotice } from './parts.js';

const PAGE = 1000;
const MAX_CHARACTERS = 256e6;

function save(parts, name) {
  const url = URL.createObjectURL(new Blob(parts, { type: 'application/x-ndjson' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000); /* the browser has begun by then */
}

/** All pages; `told` is called with how many there are so far. @returns {parts, count, whole} */
async function collect(path, query, signal, told) {
  const parts = [];
  let count = 0;
  let size = 0;
  let cursor = null;
  do {
    const page = await lines(path, { ...query, cursor, limit: PAGE }, signal);
    parts.push(page.text);
    count += page.text.split('\n').length - 1;
    size += page.text.length;
    cursor = page.next;
    told(count);
  } while (cursor && size < MAX_CHARACTERS);
  return { parts, count, whole: !cursor };
}

export function Download({ path, query, name }) {
  const [state, setState] = useState({ busy: false, text: null, problem: null });
  const controller = useRef(null);
  useEffect(() => () => controller.current?.abort(), []);

  async function start() {
    controller.current = new AbortController();
    setState({ busy: true, text: 'Reading…', problem: null });
    try {
      const told = count => setState({ busy: true, text: `${plural(count, 'message')} so far…`, problem: null });
      const { parts, count, whole } = await collect(path, query, controller.current.signal, told);
      save(parts, name);
      const text = whole ? `Saved ${plural(count, 'message')}.` : `Saved the first ${number(count)}: a file holds no more.`;
      setState({ busy: false, text, problem: null });
    } catch (problem) {
      setState({ busy: false, text: null, problem: problem.name === 'AbortError' ? null : problem });
    }
  }

  return html`
    <div class="download">
      ${state.busy
        ? html`<button type="button" onClick=${() => controller.current.abort()}>Stop</button>`
        : html`<button type="button" onClick=${start}>Download as NDJSON</button>`}
      <span class="soft" role="status">${state.text}</span>
    </div>
    ${state.problem && html`<${ProblemNotice} problem=${state.problem} />`}
  `;
}

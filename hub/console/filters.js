/** Filters of a list: they are the query of its address, so that a filtered list can be linked to. */
import { html, useEffect, useRef } from './html.js';
import { go, href } from './router.js';

const TYPING_MS = 400;

/**
 * @param path, query  of the list's address
 * @param children  fields whose names are those of the query; one that loses or gets its value leads
 *     to the first page of another list
 */
export function Filters({ path, query, children }) {
  const form = useRef(null);
  const timer = useRef(null);
  const shown = JSON.stringify({ ...query, cursor: null });

  /* "Back" changes the address, and so what the fields have to say; not while one is typing. */
  useEffect(() => {
    for (const field of form.current.elements)
      if (field.name && field !== document.activeElement) field.value = query[field.name] ?? '';
  }, [shown]);
  useEffect(() => () => clearTimeout(timer.current), []);

  function apply() {
    clearTimeout(timer.current);
    if (!form.current) return; /* a field that has the focus changes once more when it is taken away */
    const values = Object.fromEntries(new FormData(form.current));
    go(href(path, values), true);
  }
  function typed() {
    clearTimeout(timer.current);
    timer.current = setTimeout(apply, TYPING_MS);
  }
  function submit(event) {
    event.preventDefault();
    apply();
  }
  function clear() {
    form.current.reset();
    for (const field of form.current.elements) if (field.name) field.value = '';
    go(href(path), true);
  }

  const filtered = Object.keys(query).some(name => name !== 'cursor');
  return html`<form class="filters" role="search" ref=${form} onInput=${typed} onChange=${apply} onSubmit=${submit}>
    ${children}
    <div class="filters-end">
      <button type="button" class="quiet" disabled=${!filtered} onClick=${clear}>Clear filters</button>
    </div>
  </form>`;
}

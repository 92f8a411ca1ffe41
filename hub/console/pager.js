/** Pages of a list by cursors: the API knows what follows, and we remember where we came from. */
import { html } from './html.js';
import { href } from './router.js';

/* Of each page that was seen: the one before it. */
const before = new Map();

/**
 * @param path, query  of the list's address, `query.cursor` being the page that is shown
 * @param next  cursor of the next page; null: there is none
 */
export function Pager({ path, query, next, label }) {
  const here = href(path, query);
  const first = href(path, { ...query, cursor: null });
  const following = next && href(path, { ...query, cursor: next });
  if (following) before.set(following, here);
  const previous = before.get(here);
  if (!query.cursor && !next) return null;
  return html`<nav class="pager" aria-label=${label}>
    ${query.cursor && html`<a class="button" href=${first}>First page</a>`}
    ${query.cursor && previous && previous !== first && html`<a class="button" href=${previous}>Previous page</a>`}
    ${following && html`<a class="button" href=${following}>Next page</a>`}
  </nav>`;
}

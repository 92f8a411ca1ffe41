/** Where we are is in the hash: #/subscriptions/<id>/attempts?since=…; so links and "back" work. */
import { useEffect, useState } from './html.js';

export function href(path, query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== null && value !== undefined && value !== '') parameters.set(name, value);
  const text = parameters.toString();
  return `#/${path}${text ? `?${text}` : ''}`;
}

function read() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?', 2);
  return {
    hash: location.hash,
    segments: path.split('/').filter(Boolean),
    query: Object.fromEntries(new URLSearchParams(query ?? '')),
  };
}

/** Goes there; `replace`: as a correction of where we are, which "back" does not lead to. */
export function go(target, replace = false) {
  if (location.hash === target) return;
  if (!replace) {
    location.hash = target;
    return;
  }
  history.replaceState(null, '', target);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute() {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const follow = () => setRoute(read());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}

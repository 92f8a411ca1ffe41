/** Whether views keep themselves up to date: one switch for all of them. */
import { useEffect, useState } from './html.js';

let live = true;
const listeners = new Set();

export function setLive(value) {
  live = value;
  for (const listener of listeners) listener(value);
}

export function useLive() {
  const [value, setValue] = useState(live);
  useEffect(() => {
    listeners.add(setValue);
    return () => listeners.delete(setValue);
  }, []);
  return value;
}

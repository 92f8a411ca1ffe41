/** Data from the API in a view: loaded, kept up to date, and kept on show when that fails. */
import { useCallback, useEffect, useState } from './html.js';
import { useLive } from './live.js';

/**
 * @param load  (signal) => promise of the value; called again when `dependencies` change
 * @param interval  milliseconds between two loads while the page is seen and live, or what gives them
 * @returns {value, problem, loading, at, reload}: `value` is the last one that came (null: none yet),
 *     `at` when; `problem` says why there is no newer one
 */
export function useResource(load, dependencies, interval) {
  const live = useLive();
  const pause = () => (typeof interval === 'function' ? interval() : interval);
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState({ value: null, problem: null, loading: true, at: null });

  useEffect(() => {
    const controller = new AbortController();
    let timer = null;

    async function run() {
      timer = null;
      try {
        const value = await load(controller.signal);
        if (!controller.signal.aborted) setState({ value, problem: null, loading: false, at: Date.now() });
      } catch (problem) {
        if (!controller.signal.aborted) setState(last => ({ ...last, problem, loading: false }));
      }
      if (!controller.signal.aborted && live) timer = setTimeout(next, pause());
    }

    /* What nobody looks at is not asked for. */
    function next() {
      if (!document.hidden) run();
      else document.addEventListener('visibilitychange', run, { once: true, signal: controller.signal });
    }

    setState(last => ({ ...last, loading: true }));
    run();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [...dependencies, turn, live]);

  return { ...state, reload: useCallback(() => setTurn(last => last + 1), []) };
}

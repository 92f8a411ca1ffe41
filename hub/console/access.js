/** Who looks at the page, and what he may: asked of the hub, which decides everything in the end. */
import { get, watchUnauthorized } from './api.js';
import { useCallback, useEffect, useState } from './html.js';
import { forget, isSignedIn } from './session.js';

const AGAIN_MS = 3000;

/**
 * @returns {state, operator, problem, check, signOut}; state: "checking", "in", "out" (credentials are
 *     needed; `problem` says which), or "failed" (the hub could not tell)
 */
export function useAccess() {
  const [access, setAccess] = useState({ state: 'checking', operator: false, problem: null });

  /* Topics are the operators' business: whoever may not list them sees what is his own. */
  const check = useCallback(async () => {
    try {
      await get('topics', { limit: 1 });
      setAccess({ state: 'in', operator: true, problem: null });
    } catch (problem) {
      if (problem.status === 403) setAccess({ state: 'in', operator: false, problem: null });
      else if (problem.status !== 401) setAccess({ state: 'failed', operator: false, problem });
    }
  }, []);

  const signOut = useCallback(() => {
    forget();
    setAccess({ state: 'checking', operator: false, problem: null });
    check();
  }, []);

  useEffect(() => {
    watchUnauthorized(problem => {
      const refused = isSignedIn();
      forget();
      setAccess({ state: 'out', operator: false, problem, refused });
    });
    check();
  }, []);
  useEffect(() => {
    if (access.state !== 'failed') return undefined;
    const timer = setTimeout(check, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [access]);

  return { ...access, check, signOut };
}

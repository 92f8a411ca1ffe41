/** What all views are made with: htm's templates on preact. What is put into a template is text. */
import { h } from './vendor/preact.mjs';
import htm from './vendor/htm.mjs';

export const html = htm.bind(h);
export { render } from './vendor/preact.mjs';
export {
  useCallback,
  useEffect,
  useErrorBoundary,
  useId,
  useMemo,
  useRef,
  useState,
} from './vendor/hooks.mjs';

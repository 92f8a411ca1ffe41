/** Modal dialogs: the browser's own, so that "Escape" and what lies behind are taken care of. */
import { html, useEffect, useId, useRef } from './html.js';

/**
 * Open while it is in the page. `onClose` when it is to be taken out: by its button, Escape, or a
 * click beside it.
 */
export function Dialog({ title, wide = false, onClose, children, footer = null }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    element.current.showModal();
    return () => opener.focus(); /* taken out of the page, a dialog gives back no focus itself */
  }, []);
  const cancel = event => {
    event.preventDefault();
    onClose();
  };
  const press = event => {
    if (event.target === element.current) onClose();
  };
  return html`<dialog class="dialog ${wide ? 'dialog-wide' : ''}" ref=${element} aria-labelledby=${id}
      onCancel=${cancel} onMouseDown=${press}>
    <div class="dialog-inside">
      <header class="dialog-head">
        <h2 id=${id}>${title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${onClose}>✕</button>
      </header>
      <div class="dialog-body">${children}</div>
      ${footer && html`<footer class="dialog-foot">${footer}</footer>`}
    </div>
  </dialog>`;
}

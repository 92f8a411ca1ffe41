/** Short notes to whoever looks or listens: what was done, once it is done. */
import { html, useEffect, useState } from './html.js';

const SHOWN_MS = 8000;
let show = () => {};

export const announce = text => show(text);

/** The place of the notes; once in the page, as screen readers want it to be there before. */
export function Announcements() {
  const [note, setNote] = useState(null);
  useEffect(() => {
    show = text => setNote({ text });
    return () => {
      show = () => {};
    };
  }, []);
  useEffect(() => {
    if (!note) return undefined;
    const timer = setTimeout(() => setNote(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [note]);
  return html`<div class="announcements" role="status" aria-live="polite">
    ${note && html`<p class="announcement">${note.text}</p>`}
  </div>`;
}

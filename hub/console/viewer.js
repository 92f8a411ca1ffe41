/** Looks into a message. Whatever its content type says, the body is shown as text, never rendered. */
import { base64Of, bytesOf, hexLines, isJson, layOut } from './body.js';
import { Dialog } from './dialog.js';
import { bytes as sizeText, number } from './format.js';
import { html, useMemo, useState } from './html.js';
import { Copyable, Facts, Strange, Time } from './parts.js';
import { reasonText } from './reasons.js';

/* More at once would make the page slow; colours cost most. */
const SHOWN = 200_000;
const COLOURED = 50_000;

const forms = { json: 'JSON', text: 'Text', hex: 'Hex', base64: 'Base64' };

function formsOf(message) {
  if (message.body.encoding !== 'text') return ['hex', 'base64'];
  return isJson(message.body.data) ? ['json', 'text', 'hex', 'base64'] : ['text', 'hex', 'base64'];
}

function piecesOf(body, form) {
  switch (form) {
    case 'json':
      return layOut(body.data);
    case 'text':
      return [{ text: body.data, kind: 'plain' }];
    case 'hex':
      return [{ text: hexLines(bytesOf(body)), kind: 'plain' }];
    default:
      return [{ text: base64Of(bytesOf(body)), kind: 'plain' }];
  }
}

function Body({ message, form }) {
  const [all, setAll] = useState(false);
  const pieces = useMemo(() => piecesOf(message.body, form), [message, form]);
  const text = useMemo(() => pieces.map(piece => piece.text).join(''), [pieces]);
  if (message.size === 0) return html`<p class="soft">The body is empty.</p>`;
  const coloured = text.length <= COLOURED;
  const shown = all ? text : text.slice(0, SHOWN);
  return html`
    <pre class="body-text" tabindex="0" aria-label="Body"><bdi>${
      coloured
        ? pieces.map(piece => (piece.kind === 'plain' ? piece.text : html`<span class="json-${piece.kind}">${piece.text}</span>`))
        : shown
    }</bdi></pre>
    ${shown.length < text.length &&
    html`<p class="soft">
      The first ${number(SHOWN)} of ${number(text.length)} characters.
      <button type="button" class="quiet" onClick=${() => setAll(true)}>Show all</button>
    </p>`}
  `;
}

/**
 * @param messages, index  those of the page, and which one is shown
 * @param onIndex  (index) => shows another one
 * @param actions  (message) => buttons
 */
export function Viewer({ messages, index, onIndex, onClose, actions }) {
  const message = messages[index];
  const possible = formsOf(message);
  const [chosen, setChosen] = useState(null);
  const form = possible.includes(chosen) ? chosen : possible[0];
  const { dead_letter: letter } = message;
  const footer = html`
    <div class="viewer-turn">
      <button type="button" disabled=${index === 0} onClick=${() => onIndex(index - 1)}>Previous</button>
      <button type="button" disabled=${index === messages.length - 1} onClick=${() => onIndex(index + 1)}>Next</button>
      <span class="soft">${number(index + 1)} of ${number(messages.length)} on this page</span>
    </div>
    ${actions(message)}
  `;
  return html`<${Dialog} title="Message" wide onClose=${onClose} footer=${footer}>
    <${Facts}
      entries=${[
        ['Id', html`<${Copyable} text=${message.id} label="the message id" />`],
        ['Published', html`<${Time} value=${message.published_at} />`],
        ['Content type', message.content_type ? html`<${Strange} text=${message.content_type} code />` : 'none'],
        ['Size', sizeText(message.size)],
        ['Offset', number(message.offset)],
        letter && ['Given up', html`<${Time} value=${letter.at} />`],
        letter && ['Because', `${reasonText(letter.reason)}; attempts that failed: ${number(letter.failures)}`],
      ]}
    />
    <div class="segments" role="group" aria-label="Show the body as">
      ${possible.map(
        name => html`<button key=${name} type="button" aria-pressed=${name === form} onClick=${() => setChosen(name)}>
          ${forms[name]}
        </button>`,
      )}
    </div>
    <${Body} key=${`${message.offset} ${form}`} message=${message} form=${form} />
  <//>`;
}

/**
 * A table; on narrow screens each row becomes a card (style/tables.css). That takes its semantics from
 * it in some browsers: hence the roles.
 */
import { html } from './html.js';

/**
 * @param caption  what the table is, for those who do not see the heading above it
 * @param columns  [{name, cell: row => content, kind: "number" | "short" | "wide" | undefined}]; a name is also
 *     the label of the cell in a card
 * @param keyOf  what tells the rows apart
 */
export function Table({ caption, columns, rows, keyOf }) {
  const head = column =>
    html`<th key=${column.name} scope="col" role="columnheader" class=${column.kind}>${column.name}</th>`;
  const cell = (column, row) =>
    html`<td key=${column.name} role="cell" class=${column.kind} data-label=${column.name}>
      <div>${column.cell(row)}</div>
    </td>`;
  return html`<table class="table" role="table">
    <caption class="unseen">${caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map(head)}</tr></thead>
    <tbody role="rowgroup">
      ${rows.map(row => html`<tr key=${keyOf(row)} role="row">${columns.map(column => cell(column, row))}</tr>`)}
    </tbody>
  </table>`;
}

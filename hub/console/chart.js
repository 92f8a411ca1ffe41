/** Lines over time (uPlot): the colours are those of the theme, the numbers are also told as text. */
import { clock, clockMark, compact } from './format.js';
import { html, useEffect, useRef, useState } from './html.js';
import uPlot from './vendor/uPlot.esm.js';

const HEIGHT = 210;

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axis(more) {
  return {
    stroke: colour('--text-soft'),
    grid: { stroke: colour('--line-soft'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
    ...more,
  };
}

/* Whole numbers only: half a subscription is none. */
const wholeSteps = [1, 2, 5].flatMap(step => [0, 1, 2, 3, 4, 5, 6].map(power => step * 10 ** power)).sort((a, b) => a - b);

function optionsOf(series, width, whole, onCursor) {
  const line = one => ({
    label: one.label,
    stroke: colour(one.colour),
    fill: one.filled ? `${colour(one.colour)}22` : undefined,
    width: 2,
    points: { show: false },
  });
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { y: { range: (plot, low, high) => [0, Math.max(high * 1.1, 1)] } },
    series: [{}, ...series.map(line)],
    axes: [
      axis({ size: 26, space: 80, values: (plot, at, index, space, step) => at.map(mark => clockMark(mark * 1000, step)) }),
      axis({ size: 44, space: 40, incrs: whole ? wholeSteps : undefined, values: (plot, at) => at.map(compact) }),
    ],
    hooks: { setCursor: [plot => onCursor(plot.cursor.idx ?? null)] },
  };
}

function useTheme() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme);
  useEffect(() => {
    const follow = event => setTheme(event.detail);
    addEventListener('themechange', follow);
    return () => removeEventListener('themechange', follow);
  }, []);
  return theme;
}

/**
 * @param times  milliseconds, rising
 * @param series  [{label, colour: name of a CSS variable, filled, values: [number or null]}]
 * @param format  of a value, as text
 * @param whole  whether values are whole numbers
 */
export function Chart({ title, times, series, format, whole = false }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [at, setAt] = useState(null);
  const theme = useTheme();
  const data = [times.map(time => time / 1000), ...series.map(one => one.values)];
  const index = at !== null && at < times.length ? at : times.length - 1;
  const told = series.map(one => `${one.label} ${format(one.values[times.length - 1])}`).join(', ');

  useEffect(() => {
    const element = place.current;
    plot.current = new uPlot(optionsOf(series, element.clientWidth, whole, setAt), data, element);
    const observer = new ResizeObserver(() =>
      plot.current.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current.setData(data), [times]);

  return html`<figure class="card chart">
    <figcaption>
      <span class="chart-title">${title}</span>
      <span class="chart-at">${clock(times[index])}</span>
      <ul class="legend">
        ${series.map(
          one =>
            html`<li key=${one.label} class="legend-${one.colour.slice(2)}">
              ${one.label} <strong>${format(one.values[index])}</strong>
            </li>`,
        )}
      </ul>
    </figcaption>
    <div class="chart-place" ref=${place} role="img" aria-label=${`${title}. Now: ${told}.`}></div>
  </figure>`;
}

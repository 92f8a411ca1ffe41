/** Numbers, durations, times and sizes for people. Pure. */

/* The page speaks English; which one, and how numbers and dates look, the browser says. */
const locale = navigator.languages.find(language => /^en\b/.test(language)) ?? 'en-GB';

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const compactNumber = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
const hundredths = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const dateAndTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
const timeOfDay = new Intl.DateTimeFormat(locale, { timeStyle: 'medium' });
const hourAndMinute = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const toTheSecond = new Intl.DateTimeFormat(locale, { timeStyle: 'medium', hourCycle: 'h23' });

export const number = value => whole.format(value);
export const compact = value => (Math.abs(value) < 1 ? hundredths : compactNumber).format(value);
export const rate = value => (value === null ? '–' : (value < 100 ? tenths : whole).format(value));
export const time = value => dateAndTime.format(new Date(value));
export const clock = value => timeOfDay.format(new Date(value));
/** For an axis on which the marks are so many seconds apart. */
export const clockMark = (value, seconds) =>
  (seconds < 60 ? toTheSecond : hourAndMinute).format(new Date(value));
/** As the API takes it, to the millisecond. */
export const iso = value => new Date(value).toISOString();

/* A number and what it counts stay on one line. */
const joined = (count, unit) => `${count}\u00a0${unit}`;

export const plural = (count, one, many = `${one}s`) => joined(number(count), count === 1 ? one : many);

const units = [
  ['d', 86400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
];

/** The largest unit, and the next one while that still says something: "2 d 4 h", "45 s". */
export function duration(seconds) {
  if (seconds < 1) return `less than ${joined(1, 's')}`;
  const at = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[at];
  const count = Math.floor(seconds / size);
  const parts = [joined(number(count), name)];
  const next = units[at + 1];
  const rest = next ? Math.floor((seconds - count * size) / next[1]) : 0;
  if (rest > 0 && count < 10) parts.push(joined(rest, next[0]));
  return parts.join('\u00a0');
}

/** "3 min ago", "in 2 h". */
export function relative(value, now = Date.now()) {
  const seconds = (new Date(value).getTime() - now) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  return seconds < 0 ? `${duration(-seconds)} ago` : `in ${duration(seconds)}`;
}

export function bytes(count) {
  if (count < 1000) return plural(count, 'byte');
  if (count < 1e6) return joined(tenths.format(count / 1e3), 'kB');
  return joined(tenths.format(count / 1e6), 'MB');
}

/** How long a call took. */
export function elapsed(microseconds) {
  const milliseconds = microseconds / 1000;
  if (milliseconds < 1000) return joined(tenths.format(milliseconds), 'ms');
  return joined(tenths.format(milliseconds / 1000), 's');
}

/** How far behind, in words: "1,234 messages, 3 h". */
export function lag(value) {
  if (!value) return 'not known';
  if (value.seconds === 0 || (value.messages === 0 && value.exact)) return 'up to date';
  const count = plural(value.messages, 'message');
  const messages = value.exact ? count : `up to ${count}`;
  return value.seconds === null ? messages : `${messages}, ${duration(value.seconds)}`;
}

/** Whether that is worth a word: the same bound as the hub's own count of those behind. */
export const isBehind = value =>
  Boolean(value) && (value.seconds === null ? value.messages > 0 : value.seconds >= 10);

/*
 * Strangers choose topics and callbacks: what changes the direction of the text, or is not to be
 * seen, is shown by its number, so that two names which look the same are the same.
 */
const invisible =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0]/g;

export const visible = text =>
  String(text).replace(invisible, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

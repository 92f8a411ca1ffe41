/** How a subscription fares: what an operator would tell a colleague, in a sentence or two. Pure. */
import { duration, isBehind, lag as lagText, plural, relative, time } from './format.js';
import { reasonAdvice, reasonText } from './reasons.js';

const join = (...sentences) => sentences.filter(Boolean).join(' ');

const waiting = ({ lag }) => {
  if (!lag || lagText(lag) === 'up to date') return null;
  const count = plural(lag.messages, 'message waits', 'messages wait');
  const age = lag.seconds ? `, the oldest for ${duration(lag.seconds)}` : '';
  return `${lag.exact ? count : `Up to ${count}`}${age}.`;
};

const nextAttempt = ({ next_attempt_at: at }, now) =>
  at && (Date.parse(at) > now ? `It is tried again ${relative(at, now)}.` : 'It is being tried again.');

const lastFailure = ({ last_failure: failure }, now) =>
  failure &&
  `The last attempt failed ${failure.at ? relative(failure.at, now) : ''}: ${reasonText(failure.reason, failure.status)}.`;

const by = {
  requested: () => ({
    tone: 'idle',
    headline: 'Not verified yet',
    text: 'The hub asks the callback whether it wants these messages. Attempts show what it answers.',
    advice: null,
  }),
  ending: subscription => ({
    tone: 'idle',
    headline: 'Ending',
    text: join(subscription.reason && `Reason: ${subscription.reason}.`, 'The callback is being told.'),
    advice: null,
  }),
  lapsed: subscription => ({
    tone: 'warn',
    headline: 'Its lease has ended',
    text: join(
      subscription.lease_end && `The lease ended on ${time(subscription.lease_end)}.`,
      'Nothing is delivered. If the subscriber renews in time, it continues where it stopped.',
    ),
    advice: 'Ask the subscriber to subscribe again.',
  }),
  paused: subscription => ({
    tone: 'warn',
    headline: 'Paused by an operator',
    text: join(subscription.reason && `Reason: ${subscription.reason}.`, 'Nothing is sent.', waiting(subscription)),
    advice: 'Resume it when the subscriber is ready: it continues where it stopped.',
  }),
  suspended: (subscription, now) => ({
    tone: 'bad',
    headline: 'Suspended: it has failed for too long',
    text: join(lastFailure(subscription, now), waiting(subscription), nextAttempt(subscription, now)),
    advice: join(
      reasonAdvice(subscription.last_failure?.reason ?? subscription.reason),
      'When it works again, “Try again now” starts at once to catch up.',
    ),
  }),
};

function ofActive(subscription, now) {
  const { lag, last_failure: failure } = subscription;
  if (failure?.failures > 0)
    return {
      tone: 'bad',
      headline: `Failing: ${plural(failure.failures, 'attempt')} in a row`,
      text: join(lastFailure(subscription, now), waiting(subscription), nextAttempt(subscription, now)),
      advice: reasonAdvice(failure.reason),
    };
  if (isBehind(lag))
    return {
      tone: 'warn',
      headline: 'Behind, and catching up',
      text: join(waiting(subscription), 'Deliveries succeed.'),
      advice: 'If it does not get better, the subscriber takes messages more slowly than they are published.',
    };
  if (!lag)
    return {
      tone: 'idle',
      headline: 'Active',
      text: 'How far behind it is, is not known just now.',
      advice: null,
    };
  return { tone: 'good', headline: 'Up to date', text: 'It has confirmed all that was published.', advice: null };
}

/** {tone: "good" | "warn" | "bad" | "idle", headline, text, advice: or null} */
export const diagnose = (subscription, now = Date.now()) =>
  (by[subscription.status] ?? ofActive)(subscription, now);

/** Why a delivery or a verification failed, in words, and what helps. Pure. */

/* [what happened, what to do] */
const reasons = {
  dns: ['its host name was not found', 'Check that the name still exists, and resolves where the dispatchers run.'],
  refused: ['the connection was refused', 'Nothing listens there: ask whether the service is up, on this port.'],
  connect_timeout: ['no connection within the time limit', 'A firewall, or a host that is down: check the network.'],
  timeout: ['no complete answer within the time limit', 'It takes longer than dispatcher time limits allow: ask why.'],
  tls: ['TLS failed', 'Check its certificate: name, expiry, and whether we know the authority that signed it.'],
  broken_connection: ['the connection broke', 'The service or a proxy before it closed the connection.'],
  busy: ['overloaded, or to be called later', 'It takes no more just now: deliveries wait as long as it says, within bounds.'],
  status_3xx: ['a redirect, which is never followed', 'The subscriber has to subscribe with the new address.'],
  status_4xx: ['a client error', 'It does not accept the message: ask what has changed there, then try again.'],
  status_410: ['it said that it is gone', 'The subscriber has ended the subscription.'],
  status_5xx: ['a server error', 'The service fails: ask its owner. Messages wait, and nothing is lost.'],
  forbidden_address: [
    'its address is not allowed',
    'The host resolves to an address that security.allowed_callback_networks does not allow.',
  ],
  forbidden_port: ['its port is not allowed', 'The rules for callbacks do not allow this port.'],
  forbidden_url: ['its URL is not allowed', 'The rules for callbacks do not allow this URL any more.'],
  secret_key: [
    'its secret cannot be decrypted',
    'The dispatchers lack the key that the secret was encrypted with (security.secret_keys).',
  ],
};

/** "HTTP 503, a server error"; reasons that are new to us are shown as they are. */
export function reasonText(reason, status = null) {
  const known = reason ? (reasons[reason]?.[0] ?? reason) : 'reason not known';
  return status ? `HTTP ${status}, ${known}` : known;
}

/** What helps; null: nothing that we know of. */
export const reasonAdvice = reason => reasons[reason]?.[1] ?? null;

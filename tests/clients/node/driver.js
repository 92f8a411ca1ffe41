// A subscriber made with "pubsubhubbub" (npm), of PubSubHubbub 0.3 and 0.4; see harness/client_process.py.
'use strict';

const readline = require('readline');
const { createRequire } = require('module');

const PubSubHubbub = createRequire(process.argv[2])('pubsubhubbub');
const seen = { deliveries: [], subscribe: [], unsubscribe: [], denied: [] };
const subscriber = PubSubHubbub.createServer({ leaseSeconds: 3600 });

subscriber.on('feed', delivery => seen.deliveries.push({ topic: delivery.topic, hub: delivery.hub, body: delivery.feed.toString() }));
for (const name of ['subscribe', 'unsubscribe', 'denied']) {
    subscriber.on(name, data => seen[name].push(data.topic));
}

function tell(error, result) {
    console.log(JSON.stringify(error ? { error: error.message } : { result: result === undefined ? null : result }));
}

subscriber.on('listen', () => {
    subscriber.callbackUrl = `http://127.0.0.1:${subscriber.server.address().port}/callback`;
    readline.createInterface({ input: process.stdin }).on('line', line => {
        const request = JSON.parse(line);
        if (request.call === 'subscribe' || request.call === 'unsubscribe') {
            subscriber.setSubscription(request.call, request.topic, request.hub, tell);
        } else {
            tell(null, seen[request.call === 'seen' ? request.mode : request.call]);
        }
    }).on('close', () => process.exit(0));
});
subscriber.listen(0, '127.0.0.1');

// SPDX-License-Identifier: Apache-2.0
// proxy.js: asks a real server, and takes no answer for an answer.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { askVerdict, roundTrip }
    from '../../ironic_console/novncproxy/web/js/proxy.js';
import { NO_ANSWER }
    from '../../ironic_console/novncproxy/web/js/verdict.js';

const LINK = { node: '1be26c0b-03f2-4d2e-ae87-c02d7f33c123', ticket: 'x.y' };

// Serves until the test is over; gives the page's address.
async function serve(context, answer) {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.after(() => {
        server.closeAllConnections();
        server.close();
    });
    return `http://127.0.0.1:${server.address().port}/sub/console.html`;
}

test('asks beside the page for a verdict', async (context) => {
    const asked = [];
    const page = await serve(context, (request, response) => {
        asked.push(request.url);
        response.writeHead(503, { 'Retry-After': '7' });
        response.end('{"status": "refused", "reason": "Full."}');
    });
    assert.deepEqual(await askVerdict(page, LINK), { kind: 'refused',
        status: 503, reason: 'Full.', retryAfter: 7, canTakeOver: false });
    assert.deepEqual(asked,
        [`/sub/websockify?node=${LINK.node}&token=x.y`]);
});

test('says when it asks about a console that is open here', async (context) => {
    const asked = [];
    const page = await serve(context, (request, response) => {
        asked.push(request.url);
        response.end('{"status": "ok"}');
    });
    assert.equal((await askVerdict(page, LINK, true)).kind, 'ok');
    assert.deepEqual(asked,
        [`/sub/websockify?node=${LINK.node}&token=x.y&held=1`]);
});

test('is not led elsewhere', async (context) => {
    const asked = [];
    const page = await serve(context, (request, response) => {
        asked.push(request.url);
        response.writeHead(302, { Location: '/login' });
        response.end();
    });
    assert.deepEqual(await askVerdict(page, LINK), NO_ANSWER);
    assert.equal(asked.length, 1);
});

test('no answer is no error', async (context) => {
    const page = await serve(context, (request) => request.destroy());
    assert.deepEqual(await askVerdict(page, LINK), NO_ANSWER);
    assert.equal(await roundTrip(page), null);
});

test('measures the second of two questions', async (context) => {
    const asked = [];
    const page = await serve(context, (request, response) => {
        asked.push(request.url);
        response.end('{"status": "ok"}');
    });
    assert.ok(await roundTrip(page) > 0);
    assert.deepEqual(asked, ['/sub/healthz', '/sub/healthz']);
});

test('an answer of somebody else measures nothing', async (context) => {
    const page = await serve(context, (request, response) => {
        response.writeHead(404);
        response.end();
    });
    assert.equal(await roundTrip(page), null);
});

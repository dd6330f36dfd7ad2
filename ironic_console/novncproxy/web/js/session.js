// SPDX-License-Identifier: Apache-2.0
// What is known of the present session, in words. Pure: times come from
// outside, in milliseconds since 1970. The service tells the facts
// (verdict.js); what it does not tell is not shown.

// Minutes before its end that a session says so by itself.
const LAST_MINUTES = 10;
const MINUTE = 60 * 1000;

export class Session {
    #t;
    #locale;
    #since = null;
    #verdict = null;
    #roundTrip = null;

    // t: see messages.js; locale: how times are written, a language tag, or
    // undefined for the browser's own way.
    constructor(t, locale) {
        this.#t = t;
        this.#locale = locale;
    }

    // There is a picture.
    begin(now) {
        this.#since = now;
        this.#roundTrip = null;
    }

    end() {
        this.#since = null;
    }

    // verdict: see verdict.js; one that is no good changes nothing.
    learn(verdict) {
        if (verdict.kind === 'ok') {
            this.#verdict = verdict;
        }
    }

    // Milliseconds, or null: there was no answer.
    measured(roundTrip) {
        this.#roundTrip = roundTrip;
    }

    // [{name, label, value}], texts. node: {uuid, name}, see main.js.
    facts(node, now) {
        return [
            ['node', node.name || node.uuid],
            ['uuid', node.name ? node.uuid : ''],
            ['endpoint', this.#endpoint()],
            ['mode', this.#mode()],
            ['since', this.#sinceWhen(now)],
            ['left', this.#left(now)],
            ['idle', this.#idle()],
            ['roundTrip', this.#distance()],
        ].filter(([, value]) => value).map(([name, value]) => ({ name, value,
            label: this.#t(`session.${name}`) }));
    }

    // The last minutes of a limited session in words, otherwise ''.
    warning(now) {
        const left = this.#millisecondsLeft(now);
        if (left === null || left > LAST_MINUTES * MINUTE) {
            return '';
        }
        return left < MINUTE ? this.#t('session.lastMinute') :
            this.#t('session.minutesLeft',
                { minutes: Math.floor(left / MINUTE) });
    }

    #endpoint() {
        const kind = this.#verdict?.endpoint ?? '';
        const words = this.#t(`endpoint.${kind}`);
        return words ? `${words} (${kind})` : kind;
    }

    #mode() {
        return this.#verdict && this.#since !== null ?
            this.#t(this.#verdict.readOnly ? 'session.modeReadOnly' :
                'session.modeControl') : '';
    }

    #sinceWhen(now) {
        if (this.#since === null) {
            return this.#t('session.notConnected');
        }
        const time = new Date(this.#since).toLocaleTimeString(this.#locale,
            { hour: '2-digit', minute: '2-digit' });
        return this.#t('session.sinceTime',
            { time, duration: this.#duration(now - this.#since) });
    }

    #left(now) {
        const left = this.#millisecondsLeft(now);
        return left === null ? '' : this.#duration(left);
    }

    #idle() {
        const { idle } = this.#verdict?.limits ?? { idle: 0 };
        return this.#since === null || !idle ? '' :
            this.#t('session.idleAfter',
                { duration: this.#duration(1000 * idle) });
    }

    #distance() {
        return this.#since === null || this.#roundTrip === null ? '' :
            this.#t('session.milliseconds',
                { number: Math.max(1, Math.round(this.#roundTrip)) });
    }

    #millisecondsLeft(now) {
        const { length } = this.#verdict?.limits ?? { length: 0 };
        return this.#since === null || !length ? null :
            Math.max(0, this.#since + 1000 * length - now);
    }

    #duration(milliseconds) {
        const seconds = Math.max(0, Math.floor(milliseconds / 1000));
        const minutes = Math.floor(seconds / 60);
        if (minutes === 0) {
            return this.#t('session.seconds', { seconds });
        }
        return minutes < 60 ? this.#t('session.minutes', { minutes }) :
            this.#t('session.hours', { hours: Math.floor(minutes / 60),
                minutes: minutes % 60 });
    }
}

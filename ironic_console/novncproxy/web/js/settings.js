// SPDX-License-Identifier: Apache-2.0
// The preferences of this browser, such as a keyboard layout. Nothing about
// a console, a node or a session is ever among them, and nothing secret.
//
// Storage may be forbidden (a frame of another site), full, or hold what
// somebody else wrote. So every value is checked when it is read, and not to
// be able to write one is no failure: it then lasts as long as the page.

const PREFIX = 'ironic-console:';

export class Settings {
    #storage = null;
    #unsaved = new Map();

    // openStorage: gives a Storage; it may throw, as browsers do.
    constructor(openStorage) {
        try {
            this.#storage = openStorage();
        } catch {
            // Forbidden: see above.
        }
    }

    // What read() makes of the stored value, or fallback. read gets a value
    // (parsed JSON) and gives what it means, undefined if it means nothing.
    get(name, read, fallback) {
        const { value, broken } = this.#parse(this.#text(name));
        return broken ? fallback : read(value) ?? fallback;
    }

    // Something is stored that is not even JSON.
    isBroken(name) {
        const text = this.#text(name);
        return text !== null && this.#parse(text).broken;
    }

    // value: anything that JSON can hold. Returns whether it outlives the
    // page.
    set(name, value) {
        const text = JSON.stringify(value);
        this.#unsaved.set(name, text);
        try {
            this.#storage.setItem(PREFIX + name, text);
        } catch {
            return false;
        }
        this.#unsaved.delete(name);
        return true;
    }

    remove(name) {
        this.#unsaved.delete(name);
        try {
            this.#storage.removeItem(PREFIX + name);
        } catch {
            // Nothing was stored then.
        }
    }

    #text(name) {
        if (this.#unsaved.has(name)) {
            return this.#unsaved.get(name);
        }
        try {
            return this.#storage.getItem(PREFIX + name);
        } catch {
            return null;
        }
    }

    #parse(text) {
        try {
            return text === null ? { broken: true } :
                { value: JSON.parse(text), broken: false };
        } catch {
            return { broken: true };
        }
    }
}

// Common readers for get().
export const oneOf = (...values) => (value) =>
    values.includes(value) ? value : undefined;
export const aBoolean = oneOf(true, false);

// SPDX-License-Identifier: Apache-2.0
// Tool panels: each opens from a button in the bar and lies at the edge below
// it, one at a time. What is in them is for the <name>_panel.js files.

export class Panel {
    // Called after it opened and after it closed; panels may set them.
    onOpen = null;
    onClose = null;
    #section;
    #panels;

    // Use Panels.add().
    constructor(document, name, { title, close }, panels) {
        this.#panels = panels;
        this.button = element(document, 'button', { type: 'button',
            id: `open-${name}`, textContent: title });
        this.button.setAttribute('aria-expanded', 'false');
        this.button.setAttribute('aria-controls', `panel-${name}`);
        this.body = element(document, 'div', { className: 'panel-body' });
        this.#section = this.#build(document, name, title, close);
        this.button.addEventListener('click', () => this.toggle());
        for (const part of [this.button, this.#section]) {
            part.addEventListener('keydown', (event) => this.#key(event));
        }
    }

    // The whole panel, with its heading.
    get element() {
        return this.#section;
    }

    get isOpen() {
        return !this.#section.hidden;
    }

    open() {
        if (this.isOpen || this.button.disabled) {
            return;
        }
        this.#panels.closeAll();
        this.#show(true);
        this.#section.focus({ preventScroll: true });
        this.onOpen?.();
    }

    // The focus goes back to the button if it was in the panel.
    close() {
        if (!this.isOpen) {
            return;
        }
        const focused = this.#section.contains(
            this.#section.ownerDocument.activeElement);
        this.#show(false);
        if (focused) {
            this.button.focus();
        }
        this.onClose?.();
    }

    toggle() {
        if (this.isOpen) {
            this.close();
        } else {
            this.open();
        }
    }

    // A panel that cannot be opened is closed as well.
    set enabled(enabled) {
        if (!enabled) {
            this.close();
        }
        this.button.disabled = !enabled;
    }

    #show(visible) {
        this.#section.hidden = !visible;
        this.button.setAttribute('aria-expanded', String(visible));
    }

    #key(event) {
        if (event.key === 'Escape' && this.isOpen &&
            !event.defaultPrevented) {
            event.preventDefault();
            this.close();
        }
    }

    #build(document, name, title, close) {
        const section = element(document, 'section', { tabIndex: -1,
            id: `panel-${name}`, className: 'panel', hidden: true });
        section.setAttribute('aria-labelledby', `panel-${name}-title`);
        const head = element(document, 'div', { className: 'panel-head' });
        const shut = element(document, 'button', { type: 'button',
            className: 'panel-close', textContent: '\u00d7', title: close });
        shut.setAttribute('aria-label', close);
        shut.addEventListener('click', () => this.close());
        head.append(element(document, 'h2', { textContent: title,
            id: `panel-${name}-title` }), shut);
        section.append(head, this.body);
        return section;
    }
}

export class Panels {
    #document;
    #bar;
    #host;
    #texts;
    #all = new Map();

    // bar: where the buttons go; host: where the panels go; t: see
    // messages.js.
    constructor(document, bar, host, t) {
        this.#document = document;
        this.#bar = bar;
        this.#host = host;
        this.#texts = t;
    }

    // Makes a panel; its title is the text panel.<name>.
    add(name) {
        const panel = new Panel(this.#document, name, {
            title: this.#texts(`panel.${name}`),
            close: this.#texts('panel.close') }, this);
        this.#all.set(name, panel);
        this.#bar.append(panel.button);
        this.#host.append(panel.element);
        return panel;
    }

    get(name) {
        return this.#all.get(name);
    }

    closeAll() {
        for (const panel of this.#all.values()) {
            panel.close();
        }
    }
}

function element(document, tag, properties) {
    return Object.assign(document.createElement(tag), properties);
}
